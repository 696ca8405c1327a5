"""The search for customers: by beginnings of names, whole id or e-mail address, in pages that a key continues."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from common.pagination import EstimatingPaginator
from common.pseudonyms import subjects_named
from customers.models import Customer
from customers.personal import SHA256, email_hash
from customers.personal_seals import opened_all
from customers.search_tokens import email_token, searched_tokens


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One customer of a list; `key` is where the next page begins."""

    key: int
    raw_id: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """Some customers, the newest first. `older` is the key of the next page, None on the last one."""

    rows: tuple[CustomerRow, ...]
    older: int | None


def search_customers(words: str, *, by_name: bool, before: int | None, size: int) -> CustomerPage:
    """Return the customers with this id, with names that begin so if `by_name`, or with an e-mail address of that hash.

    Of several words each must begin a word of the names.
    """
    rows = _matching(words.strip().replace("\x00", ""), by_name=by_name)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    columns = rows.order_by("-pk").values_list("pk", "raw_id", "attributes")[: size + 1]
    keys = list(columns)
    older = keys[size - 1][0] if len(keys) > size else None
    attributes = opened_all([row[2] for row in keys[:size]])
    customers = (CustomerRow(key, raw_id, one) for (key, raw_id, _), one in zip(keys[:size], attributes, strict=True))
    return CustomerPage(tuple(customers), older)


def searchable(words: str) -> str:
    """Return what is searched for: the hash of an e-mail address instead of the address, other words as they are."""
    return email_hash(words) if "@" in words else words.strip()


def is_customer(raw_id: str) -> bool:
    """Return whether there is a row of exactly this id."""
    return Customer.objects.filter(raw_id=raw_id).exists()


def customer_count() -> tuple[int, bool]:
    """Return the number of customers, and whether it is an estimate."""
    pages = EstimatingPaginator(Customer.objects.order_by("pk"), 1)
    return pages.count, pages.estimated


def _matching(words: str, *, by_name: bool) -> QuerySet[Customer]:
    if not words:
        return Customer.objects.all()
    if SHA256.fullmatch(words.lower()):
        return Customer.objects.filter(email_hash=email_token(words))
    condition = Q(raw_id__in=subjects_named(words))
    if by_name and (tokens := searched_tokens(words)):
        condition |= Q(search_tokens__contains=tokens)
    return Customer.objects.filter(condition)
