"""The search for customers: by a part of an id or a name, by e-mail address, in pages that a key continues."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet

from common.pagination import EstimatingPaginator
from common.pseudonyms import subjects_named
from customers.models import Customer
from customers.personal import SHA256, email_hash

LEAST_PART: Final = 3
"""A shorter part has no trigram, so no index finds it: it is looked up as a whole id."""


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
    """Return the customers whose id, or name if `by_name`, holds the words, or whose e-mail address has that hash."""
    rows = _matching(words.strip().lower(), by_name=by_name)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    columns = rows.order_by("-pk").values_list("pk", "raw_id", "attributes")[: size + 1]
    customers = [CustomerRow(*row) for row in columns]
    older = customers[size - 1].key if len(customers) > size else None
    return CustomerPage(tuple(customers[:size]), older)


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
    if SHA256.fullmatch(words):
        return Customer.objects.filter(email_hash=words)
    if len(words) < LEAST_PART:
        return Customer.objects.filter(raw_id__in=subjects_named(words))
    rows = Customer.objects.filter(search_text__contains=words)
    return rows if by_name else rows.filter(raw_id__icontains=words)
