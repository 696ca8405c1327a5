"""What Django's sessions hold about people, and how long."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import QuerySet

from common import clock, retention
from common.personal_data import PersonalFields, declare_model


def register() -> None:
    """Declare the sessions of staff and of the demo shop."""
    declare_model(
        "sessions.Session",
        PersonalFields(("session_key", "session_data"), "identifiers", ("essential",), "sessions", "sessions"),
    )
    retention.register(
        retention.of_rows(
            _expired,
            name="sessions",
            title="Sessions",
            reason="a sign-in ends by then",
            starts="last used",
            period=lambda: timedelta(seconds=settings.SESSION_COOKIE_AGE),
            setting="SESSION_COOKIE_AGE",
        )
    )


def _expired(now: datetime) -> QuerySet[Session]:
    """Return the sessions that ended; sessions follow the real time."""
    return Session.objects.filter(expire_date__lt=min(now, clock.real_now()))
