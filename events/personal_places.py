"""What this room holds about shoppers beside its tables, and how long; also how long customers are kept.

Customers know no events, so who was not seen for long is known here.
"""

from datetime import timedelta
from typing import Final

from django.conf import settings

from common import retention
from common.personal_data import PersonalFields, declare
from events.log.latest import LATEST, SECONDS
from events.log.waiting_room import BODIES, DUE, INDEX
from events.models import USES
from events.services import retention as old
from events.stream.ring import KEEP_SECONDS, KEY

FIELDS: Final = ("ids", "properties", "traits", "context")


def register() -> None:
    """Declare the log, what waits and the stream, and the retentions of this room."""
    for name, where, kind, store in (
        ("log of events", "v:log*", "event_log", "events"),
        ("newest entries by id", f"{LATEST}*", "newest_entries", "events"),
        ("waiting events", BODIES, "waiting_events", "events"),
        ("waiting events by time", DUE, "waiting_events", "events"),
        ("waiting events by id", f"{INDEX}*", "waiting_events", "events"),
        ("event stream", KEY, "event_stream", "event stream"),
    ):
        declare(name, where=where, engine="Redis", groups=(PersonalFields(FIELDS, "browsing", USES, kind, store),))
    for one in (
        retention.Retention(
            "event_log",
            "Log of events",
            "consumers read it again after a failure",
            period=lambda: timedelta(hours=settings.EVENT_LOG_RETENTION_HOURS),
            setting="EVENT_LOG_RETENTION_HOURS",
            job="the recorder, behind every consumer",
        ),
        _expiring("newest_entries", "Newest entries by id", timedelta(seconds=SECONDS)),
        _expiring("event_stream", "Event stream", timedelta(seconds=KEEP_SECONDS)),
        retention.Retention(
            "waiting_events",
            "Events that wait for a decision",
            "a first decision follows within seconds",
            period=lambda: timedelta(seconds=settings.CONSENT_WAIT_SECONDS),
            setting="CONSENT_WAIT_SECONDS",
            job="the recorder",
        ),
        retention.Retention(
            "events",
            "Events",
            "as the purposes promise",
            starts="sent, or when no purpose that it may be used for keeps it longer",
            period=lambda: timedelta(days=old.longest_days()),
            setting="EVENTS_RETENTION_DAYS",
            delete=old.delete_old_events,
            overdue=old.count_old_events,
        ),
        retention.of_rows(
            old.old_orders,
            name="orders",
            title="Orders",
            reason="tax law asks for ten years",
            starts="placed",
            period=lambda: retention.of_days(settings.ORDERS_RETENTION_DAYS),
            setting="ORDERS_RETENTION_DAYS",
        ),
        retention.of_rows(
            old.old_rejected_events,
            name="rejected_events",
            title="Rejected events",
            reason="the sender's mistake is mended by then",
            starts="received",
            period=lambda: retention.of_days(settings.REJECTED_EVENTS_RETENTION_DAYS),
            setting="REJECTED_EVENTS_RETENTION_DAYS",
        ),
        retention.Retention(
            "customers",
            "Customers",
            "who does not come back needs no service",
            starts="last used in an event or an order",
            period=lambda: retention.of_days(settings.CUSTOMERS_RETENTION_DAYS),
            setting="CUSTOMERS_RETENTION_DAYS",
            delete=old.delete_old_customers,
            overdue=old.count_old_customers,
        ),
    ):
        retention.register(one)


def _expiring(name: str, title: str, period: timedelta) -> retention.Retention:
    return retention.Retention(name, title, "a copy for a short time", period=lambda: period, job="Redis, by expiry")
