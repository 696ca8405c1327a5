"""What Django's sessions hold about people, and how long."""

from datetime import timedelta

from django.conf import settings

from common import retention
from common.personal_data import PersonalFields, declare_model


def register() -> None:
    """Declare the sessions of staff and of the demo shop."""
    declare_model(
        "sessions.Session",
        PersonalFields(("session_key", "session_data"), "identifiers", ("essential",), "sessions", "sessions"),
    )
    retention.register(
        retention.Retention(
            "sessions",
            "Sessions",
            "a sign-in ends by then",
            starts="used last",
            period=lambda: timedelta(seconds=settings.SESSION_COOKIE_AGE),
            setting="SESSION_COOKIE_AGE",
        )
    )
