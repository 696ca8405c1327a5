"""The page of one customer (identity, profile, events, orders, consents), and the customer search."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import redis
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_http_methods, require_safe

from audit.reads import note_read
from audit.staff import actor_of
from catalog import browsing
from catalog.records import ProductRow
from catalog.selectors import titles_of
from common import clock
from common.clock import from_microseconds
from common.pseudonyms import staff_subject
from consents import selectors as consents
from consents.person import Verdict
from consents.subjects import MAX_RAW_ID
from customers.masked_admin import PERSONAL_DATA
from customers.personal import SHA256, masked
from customers.search import CustomerRow, customer_count, is_customer, search_customers, searchable
from customers.selectors import Identity, identity_of
from events import activity
from portal.permissions import NAMED_SHOPPERS, may, staff_page
from portal.profile import live_profile
from portal.theme import staff_context
from portal.timeline import Moment, collapsed

TIMELINE_SIZE = 100
ORDERS_SIZE = 20
SOME = 24
PAGE_SIZE = 25
MOST_DIGITS = 19
"""A key of a row is shorter."""
CONSENTS: Final = "consents.view_*"


@dataclass(frozen=True, slots=True)
class CustomerLine:
    """One customer of the list. `allowed` holds the purposes, None while the consent cache does not answer."""

    subject: str
    attributes: str
    seen_at: datetime | None
    allowed: list[str] | None

    @property
    def name(self) -> str:
        """The id as people type it: without its kind, for a user."""
        return self.subject.removeprefix("user:")


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(NAMED_SHOPPERS)
def search(request: HttpRequest) -> HttpResponse:
    """List the customers who match `q`, the newest first. A POST turns typed words into the address of their list.

    An e-mail address is hashed on the way, so it stands in no address, history or log.
    """
    if request.method == "POST":
        words = searchable(request.POST.get("q", "")[:MAX_RAW_ID])
        if is_customer(subject := subject_of(words)):
            return redirect("portal:customer", subject=subject)
        return redirect(f"{reverse('portal:customers')}?{urlencode({'q': words})}")
    note_read("customer.listed", actor=actor_of(request), object="customer:list")
    words = request.GET.get("q", "").strip()[:MAX_RAW_ID]
    by_name = may(request.user, PERSONAL_DATA)
    page_of_rows = search_customers(words, by_name=by_name, before=_key_of(request.GET.get("before")), size=PAGE_SIZE)
    count, is_estimate = customer_count()
    context = {
        "q": words,
        "is_hash": bool(SHA256.fullmatch(words)),
        "subject": subject_of(words) if words and not SHA256.fullmatch(words) else "",
        "by_name": by_name,
        "people": _lines(page_of_rows.rows, by_name=by_name),
        "older": page_of_rows.older,
        "count": count,
        "is_estimate": is_estimate,
        "may_see_consents": may(request.user, CONSENTS),
    }
    return render(request, "portal/customers.html", {**staff_context(request, title="Customers"), **context})


@require_safe
@staff_page(NAMED_SHOPPERS)
def page(request: HttpRequest, subject: str) -> HttpResponse:
    """Show all data about one person."""
    now, subject = clock.now(), subject_of(subject)
    identity = identity_of(subject, now=now)
    if identity.was_seen:
        note_read("customer.read", actor=actor_of(request), object="customer:page", subject=subject)
    by_name = may(request.user, PERSONAL_DATA)
    context = {
        **staff_context(request, title=subject.partition(":")[2], subtitle="Customer"),
        "subject": subject,
        "identity": identity,
        "attributes": identity.attributes if by_name else masked(identity.attributes),
        "is_masked": not by_name,
        "seen_at": max(activity.last_seen(identity.raw_ids).values(), default=None),
        "profile": live_profile(identity, now=now),
        "may_see_consents": may(request.user, CONSENTS),
        **_consents(identity),
        **_history(identity, request.GET.get("before"), by_name=by_name),
    }
    return render(request, "portal/customer.html", context)


def _key_of(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < MOST_DIGITS else None


def _lines(rows: Sequence[CustomerRow], *, by_name: bool) -> list[CustomerLine]:
    """Return the rows with what else the list shows, read for all rows at once."""
    raw_ids = [row.raw_id for row in rows]
    seen_at = activity.last_seen(raw_ids)
    try:
        allowed: dict[str, list[str]] | None = consents.allowed_purposes(raw_ids)
    except redis.RedisError:
        allowed = None
    return [
        CustomerLine(
            subject=row.raw_id,
            attributes=", ".join(
                f"{name} {value}" for name, value in (row.attributes if by_name else masked(row.attributes)).items()
            ),
            seen_at=seen_at.get(row.raw_id),
            allowed=None if allowed is None else allowed[row.raw_id],
        )
        for row in rows
    ]


def subject_of(text: str) -> str:
    """Return the subject of a typed id; an id without prefix is a user id."""
    return staff_subject(text if text.startswith(("user:", "anonymous:")) else f"user:{text}")


def _consents(identity: Identity) -> dict[str, Any]:
    if not identity.raw_ids:
        return {"verdicts": [], "proofs": [], "n_proofs": 0, "n_of_account": 0, "n_of_devices": 0}
    verdicts = consents.verdicts(consents.person(identity.raw_ids[0]), region=None)
    rows = [(name, one.allowed, _because(one), _moment_of(one)) for name, one in sorted(verdicts.items())]
    proofs = consents.proofs(identity.raw_ids)
    n_of_account = sum(one.raw_id.startswith("user:") for one in proofs)
    return {
        "verdicts": rows,
        "proofs": [(one, whose(one.raw_id)) for one in proofs[:SOME]],
        "n_proofs": len(proofs),
        "n_of_account": n_of_account,
        "n_of_devices": len(proofs) - n_of_account,
    }


def _because(verdict: Verdict) -> str:
    return f"{verdict.basis}, {verdict.reason}".replace("_", " ")


def _moment_of(verdict: Verdict) -> datetime | None:
    return from_microseconds(verdict.at) if verdict.at else None


def whose(raw_id: str) -> str:
    """Return whose a decision is: `account ada`, or `device 7c1f` where it was made before anybody signed in."""
    kind, _, value = raw_id.partition(":")
    return f"{'account' if kind == 'user' else 'device'} {value}"


def _history(identity: Identity, before: str | None, *, by_name: bool) -> dict[str, Any]:
    events = activity.timeline(identity, limit=TIMELINE_SIZE, before=_position_of(before), by_name=by_name)
    orders = activity.orders_of(identity, limit=ORDERS_SIZE)
    product_ids = {product_id for event in events for product_id in event.products[:6]}
    product_ids |= {product_id for order in orders for product_id in order.product_ids[:6]}
    products = {row.product_id: row for row in browsing.products_by_id(sorted(product_ids))}
    titles = titles_of({product_id for event in events if event.served for product_id in event.products})
    return {
        "timeline": collapsed([_moment(event, products, titles) for event in events]),
        "has_served": any(event.served for event in events),
        "orders": [(order, _products_of(order.product_ids, products)) for order in orders],
        "older": f"{events[-1].at.isoformat()} {events[-1].id}" if len(events) == TIMELINE_SIZE else None,
    }


def _moment(event: activity.TimelineEvent, products: dict[str, ProductRow], titles: dict[str, str]) -> Moment:
    of_list = tuple(titles.get(one, one) for one in event.products) if event.served else ()
    return Moment(event, _products_of(event.products, products), of_list)


def _position_of(text: str | None) -> tuple[datetime, UUID] | None:
    """Return the position, time and event id, after which the timeline continues; None for an invalid one."""
    at, _, event = (text or "").partition(" ")
    try:
        moment = parse_datetime(at)
        return (moment, UUID(event)) if moment else None
    except ValueError:
        return None


def _products_of(product_ids: tuple[str, ...], products: dict[str, ProductRow]) -> list[ProductRow]:
    return [products[product_id] for product_id in product_ids[:6] if product_id in products]
