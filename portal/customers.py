"""The page of one customer (identity, profile, events, orders, consents), and the customer search."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from catalog import browsing
from catalog.records import ProductRow
from common import clock
from common.clock import from_microseconds
from consents import selectors as consents
from consents.subjects import MAX_RAW_ID
from customers.selectors import Identity, identity_of, users_with_attributes
from events import activity
from portal.permissions import NAMED_SHOPPERS, may, staff_page
from portal.profile import live_profile
from portal.theme import staff_context

TIMELINE_SIZE = 50
ORDERS_SIZE = 20
SOME = 24


@dataclass(frozen=True, slots=True)
class Moment:
    """One event of the timeline with its products."""

    event: activity.TimelineEvent
    products: list[ProductRow]

    @property
    def others(self) -> int:
        """The number of products besides the first."""
        return len(self.event.products) - 1


@require_safe
@staff_page(NAMED_SHOPPERS)
def search(request: HttpRequest) -> HttpResponse:
    """Redirect to the customer with the given id; without an id, list some customers."""
    customer_id = request.GET.get("id", "").strip()[:MAX_RAW_ID]
    if customer_id:
        return redirect("portal:customer", subject=subject_of(customer_id))
    people = [
        (user_id, ", ".join(f"{k} {v}" for k, v in attributes.items()))
        for user_id, attributes in users_with_attributes(limit=SOME)
    ]
    return render(request, "portal/customers.html", {**staff_context(request, title="Customers"), "people": people})


@require_safe
@staff_page(NAMED_SHOPPERS)
def page(request: HttpRequest, subject: str) -> HttpResponse:
    """Show all data about one person."""
    now = clock.now()
    identity = identity_of(subject, now=now)
    context = {
        **staff_context(request, title=subject_of(subject).partition(":")[2], subtitle="Customer"),
        "subject": subject_of(subject),
        "identity": identity,
        "profile": live_profile(identity, now=now),
        "may_see_consents": may(request.user, "consents.view_*"),
        **_consents(identity),
        **_history(identity, request.GET.get("before")),
    }
    return render(request, "portal/customer.html", context)


def subject_of(text: str) -> str:
    """Return the subject of a typed id; an id without prefix is a user id."""
    return text if text.startswith(("user:", "anonymous:")) else f"user:{text}"


def _consents(identity: Identity) -> dict[str, Any]:
    if not identity.raw_ids:
        return {"verdicts": [], "proofs": [], "n_proofs": 0}
    verdicts = consents.verdicts(consents.person(identity.raw_ids[0]), region=None)
    rows = [(name, one, from_microseconds(one.at) if one.at else None) for name, one in sorted(verdicts.items())]
    proofs = consents.proofs(identity.raw_ids)
    return {"verdicts": rows, "proofs": proofs[:SOME], "n_proofs": len(proofs)}


def _history(identity: Identity, before: str | None) -> dict[str, Any]:
    events = activity.timeline(identity, limit=TIMELINE_SIZE, before=_position_of(before))
    orders = activity.orders_of(identity, limit=ORDERS_SIZE)
    product_ids = {product_id for event in events for product_id in event.products[:6]}
    product_ids |= {product_id for order in orders for product_id in order.product_ids[:6]}
    products = {row.product_id: row for row in browsing.products_by_id(sorted(product_ids))}
    return {
        "timeline": [Moment(event, _products_of(event.products, products)) for event in events],
        "orders": [(order, _products_of(order.product_ids, products)) for order in orders],
        "older": f"{events[-1].at.isoformat()} {events[-1].id}" if len(events) == TIMELINE_SIZE else None,
    }


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
