"""Reads for pages: recent activity of the shop, and the history of one person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncDate

from common.clock import from_microseconds
from customers.identity import Span
from customers.personal import masked
from customers.selectors import Identity
from events.log import get_log
from events.models import Count as Counted
from events.models import Event, Offset, Order, SetAside
from events.sender_texts import masked_name
from events.types.base import raw_id_of
from events.types.products import product_id_of
from events.types.recommendation_served import RECOMMENDATION_SERVED

DAYS: Final = 14
RECORDER: Final = "recorder"
ALWAYS: Final = (Span(None, None),)
REVERSED: Final = Q(status="cancelled") | Q(wholly_refunded=True) | Q(refunded__gt=0, refunded__gte=F("revenue"))
"""Cancelled and wholly refunded orders."""


LAST_SEEN: Final = """
SELECT raw_id, CASE kind
    WHEN 'user' THEN (SELECT max(at) FROM events_event WHERE user_id = value)
    ELSE (SELECT max(at) FROM events_event WHERE anonymous_id = value)
END
FROM (
    SELECT raw_id, split_part(raw_id, ':', 1) AS kind, substr(raw_id, strpos(raw_id, ':') + 1) AS value
    FROM unnest(%s::text[]) AS raw_id
) AS ids
"""
SERVER_EVENTS: Final = ("Recommendation Served", "Segment Entered", "Segment Left")
"""Events that the server writes itself."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """Activity of the last days. `days` holds the event counts of the last fourteen days, today last.

    `orders` and `revenue` cover thirty days, without cancelled orders, refunds, and the `unconfirmed` orders. `revenue`
    holds the sum of each currency, the one with most orders first; orders without an amount add nothing.

    `counted` is the number of today's events that were counted and not kept, `waiting` that of rejected events that
    nobody sent again.
    """

    last_hour: int
    days: tuple[tuple[date, int], ...]
    counted: int
    waiting: int
    orders: int
    unconfirmed: int
    revenue: tuple[tuple[str, Decimal], ...]

    @property
    def today(self) -> int:
        """Events of today."""
        return self.days[-1][1]


@dataclass(frozen=True, slots=True)
class ServedFacts:
    """How a served list came about; `degraded` is what was missing for the full answer, "" for nothing."""

    recommendation_id: str
    placement: str
    is_personalized: bool
    model_version: str
    degraded: str


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One line of a person's timeline. `products` holds the product ids it names, `served` is of served lists only."""

    id: UUID
    at: datetime
    kind: str
    name: str
    raw_id: str
    products: tuple[str, ...]
    detail: str
    allowed: tuple[str, ...]
    source: str
    served: ServedFacts | None = None


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """One order of a person."""

    order_id: str
    placed_at: datetime | None
    status: str
    total: Decimal | None
    currency: str
    product_ids: tuple[str, ...]
    confirmed: bool


def pulse(*, now: datetime) -> Pulse:
    """Return the activity of the last days."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    recent = Event.objects.filter(at__gte=today - timedelta(days=DAYS - 1), at__lt=now + timedelta(hours=1))
    per_day = dict(recent.annotate(day=TruncDate("at")).values_list("day").annotate(n=Count("*")))
    days = [today.date() - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    placed = Order.objects.filter(placed_at__gte=now - timedelta(days=30))
    sold = placed.filter(confirmed=True).exclude(REVERSED)
    net_revenue = Sum(F("revenue") - F("refunded"))
    sums = list(sold.values_list("currency").annotate(n=Count("*"), net_revenue=net_revenue).order_by("-n", "currency"))
    return Pulse(
        last_hour=Event.objects.filter(at__gte=now - timedelta(hours=1), at__lt=now + timedelta(hours=1)).count(),
        days=tuple((day, per_day.get(day, 0)) for day in days),
        counted=Counted.objects.filter(day=today.date()).aggregate(n=Sum("n"))["n"] or 0,
        waiting=n_rejected(),
        orders=sum(n for _, n, _ in sums),
        unconfirmed=placed.filter(confirmed=False).count(),
        revenue=tuple((currency, total) for currency, _, total in sums if total is not None),
    )


def n_rejected() -> int:
    """Return the number of rejected events that nobody sent again."""
    return SetAside.objects.filter(replayed_at=None, warning=None).count()


def has_events() -> bool:
    """Return whether a storefront sent any event; those that the server writes itself do not count."""
    return Event.objects.exclude(name__in=SERVER_EVENTS).exists()


def lag() -> int:
    """Return the number of log entries that are not recorded yet. Raises Unavailable while the log does not answer."""
    log = get_log()
    offsets = dict(Offset.objects.filter(consumer=RECORDER).values_list("shard", "log_offset"))
    return sum(log.backlog(shard, offsets.get(shard, 0)) for shard in range(log.shards))


def timeline(
    person: Identity, *, limit: int, before: tuple[datetime, UUID] | None = None, by_name: bool = True
) -> list[TimelineEvent]:
    """Return the latest events of a person, the newest first. Without `by_name` what people wrote is masked.

    `before` is time and id of the last event of the page before. The id is needed because many events share a time:
    files have days alone.
    """
    events = Event.objects.filter(owned_by(person, at="at"))
    if before is not None:
        at, last = before
        events = events.filter(at__lte=at).exclude(at=at, id__gte=last)
    return [_timeline_event(row, by_name=by_name) for row in events.order_by("-at", "-id")[:limit]]


def last_seen(raw_ids: Sequence[str]) -> dict[str, datetime]:
    """Return the time of the latest event of each raw id; ids without an event are left out."""
    with connection.cursor() as cursor:
        cursor.execute(LAST_SEEN, [list(raw_ids)])
        return {raw_id: at for raw_id, at in cursor.fetchall() if at is not None}


def orders_of(person: Identity, *, limit: int) -> list[OrderSummary]:
    """Return the latest orders of a person with the products in them."""
    whose = owned_by(person, at="placed_at")
    orders = Order.objects.filter(whose).prefetch_related("lines").order_by("-placed_at")[:limit]
    return [
        OrderSummary(
            order_id=row.order_id,
            placed_at=row.placed_at,
            status=row.status,
            total=row.total if row.total is not None else row.revenue,
            currency=row.currency,
            product_ids=tuple(line.product_id for line in row.lines.all()),
            confirmed=row.confirmed,
        )
        for row in orders
    ]


def owned_by(person: Identity, *, at: str) -> Q:
    """Return the condition for rows of the person; of a shared device only those of the person's own time."""
    always = [one for one in person.anonymous_ids if person.spans.get(one, ALWAYS) == ALWAYS]
    condition = Q(user_id__in=person.user_ids) | Q(anonymous_id__in=always, user_id=None)
    for one in set(person.anonymous_ids) - set(always):
        for span in person.spans[one]:
            condition |= Q(anonymous_id=one, user_id=None) & within(span.since, span.until, at=at)
    return condition


def within(since: int | None, until: int | None, *, at: str) -> Q:
    """Return the condition that the field `at` lies in a half-open time in microseconds, None without end."""
    begun = Q() if since is None else Q(**{f"{at}__gte": from_microseconds(since)})
    return begun if until is None else begun & Q(**{f"{at}__lt": from_microseconds(until)})


def _timeline_event(row: Event, *, by_name: bool) -> TimelineEvent:
    properties: dict[str, Any] = row.properties if isinstance(row.properties, dict) else {}
    lines = properties.get("products")
    holders = [properties, *(line for line in (lines if isinstance(lines, list) else []) if isinstance(line, dict))]
    products = tuple(product_id for one in holders if (product_id := product_id_of(one)))
    return TimelineEvent(
        id=row.id,
        at=row.at,
        kind=row.kind,
        name=(row.name if by_name else masked_name(row.name)) or row.kind,
        raw_id=raw_id_of(row.user_id, row.anonymous_id),
        products=products,
        detail=_detail(properties if by_name else masked(properties)),
        allowed=tuple(row.allowed),
        source=row.source,
        served=_served_facts(properties) if row.name == RECOMMENDATION_SERVED.name else None,
    )


def _served_facts(properties: dict[str, Any]) -> ServedFacts:
    names = ("recommendation_id", "placement", "model_version", "degraded")
    answer_id, placement, model_version, degraded = (str(properties.get(name) or "") for name in names)
    return ServedFacts(answer_id, placement, properties.get("personalized") is True, model_version, degraded)


def _detail(properties: dict[str, Any]) -> str:
    """Return the facts that a reader looks for."""
    details = [
        (name, properties.get(name)) for name in ("query", "path", "rating", "seconds", "order_id", "total", "list_id")
    ]
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in details if value not in (None, ""))
