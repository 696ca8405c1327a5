"""Deletes what this room kept long enough: events, orders, rejected events, and customers who were not seen since."""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet

from common.retention import MOST_COUNTED
from consents.selectors.processing import retention_days
from customers.idle import delete_idle, idle_customers
from events.models import Event, Order, SetAside

DAY: Final = timedelta(days=1)
CENTURY: Final = 36_525
"""Days that an event is kept at most where the setting names no maximum."""
OLDEST: Final = "SELECT min(at) FROM events_event WHERE at < %(before)s AND ({condition})"
DELETE_DAY: Final = "DELETE FROM events_event WHERE at >= %(day)s AND at < %(next)s AND ({condition})"
COUNT: Final = """
SELECT count(*) FROM (SELECT 1 FROM events_event WHERE at < %(before)s AND ({condition}) LIMIT %(most)s) AS old
"""


def delete_old_events(now: datetime) -> int:
    """Delete the events that are over, a day of them in a transaction, the oldest first; return their number.

    By day, because each batch reads one day of the table: batches by number would read all old rows again and again.
    """
    condition, parameters = _condition(now)
    deleted = 0
    with connection.cursor() as cursor:
        cursor.execute(OLDEST.format(condition=condition), parameters)
        (day,) = cursor.fetchone()
        while day is not None and day < parameters["before"]:
            bounds = {"day": day, "next": min(day + DAY, parameters["before"])}
            cursor.execute(DELETE_DAY.format(condition=condition), {**parameters, **bounds})
            deleted += cursor.rowcount
            day += DAY
    return deleted


def count_old_events(now: datetime) -> int:
    """Return how many events are over, `MOST_COUNTED` at most."""
    condition, parameters = _condition(now)
    with connection.cursor() as cursor:
        cursor.execute(COUNT.format(condition=condition), {**parameters, "most": MOST_COUNTED})
        return int(cursor.fetchone()[0])


def longest_days() -> int:
    """Return the days after which an event goes, whatever it may be used for."""
    return settings.EVENTS_RETENTION_DAYS or CENTURY


def _condition(now: datetime) -> tuple[str, dict[str, Any]]:
    """Return the SQL condition of events that are over at a moment, and its parameters.

    An event is over after the longest retention of the purposes that it may be used for, but after
    `longest_days` in any case. One that no purpose may use is over after the shortest. `before` leaves out
    the younger months.
    """
    longest = longest_days()
    days = {name: min(longest, length or longest) for name, length in retention_days().items()}
    lengths = sorted({*days.values(), longest})
    conditions = ["at < %(end)s"]
    parameters: dict[str, Any] = {"end": now - timedelta(days=longest), "before": now - timedelta(days=lengths[0])}
    for length in lengths[:-1]:
        conditions.append(f"at < %(end_{length})s AND NOT allowed && %(longer_{length})s::text[]")
        parameters[f"end_{length}"] = now - timedelta(days=length)
        parameters[f"longer_{length}"] = [name for name, own in days.items() if own > length]
    return " OR ".join(f"({one})" for one in conditions), parameters


def old_orders(now: datetime) -> QuerySet[Order]:
    """Return the orders that are over; one without a time counts from its latest event."""
    before = now - timedelta(days=settings.ORDERS_RETENTION_DAYS)
    return Order.objects.filter(Q(placed_at__lt=before) | Q(placed_at=None, status_at__lt=before))


def old_rejected_events(now: datetime) -> QuerySet[SetAside]:
    """Return the rejected events that are over."""
    return SetAside.objects.filter(received_at__lt=now - timedelta(days=settings.REJECTED_EVENTS_RETENTION_DAYS))


def delete_old_customers(now: datetime) -> int:
    """Delete customers and links between ids that are in no kept event or order since; return their number."""
    before = now - timedelta(days=settings.CUSTOMERS_RETENTION_DAYS)
    return delete_idle(before, active_ids=partial(_active_ids, before))


def count_old_customers(now: datetime) -> int:
    """Return how many customers and links are over."""
    before = now - timedelta(days=settings.CUSTOMERS_RETENTION_DAYS)
    return idle_customers(before, active_ids=partial(_active_ids, before))


def _active_ids(since: datetime, raw_ids: Collection[str]) -> set[str]:
    """Return the raw ids that are in an event or an order since."""
    result: set[str] = set()
    for kind in ("user", "anonymous"):
        ids = [one.partition(":")[2] for one in raw_ids if one.startswith(f"{kind}:")]
        of_ids: dict[str, Any] = {f"{kind}_id__in": ids}
        for rows in (
            Event.objects.filter(**of_ids, at__gte=since),
            Order.objects.filter(**of_ids, placed_at__gte=since),
        ):
            result |= {f"{kind}:{one}" for one in rows.values_list(f"{kind}_id", flat=True).distinct()}
    return result
