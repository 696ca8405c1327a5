"""Admin pages of events, orders and rejected events."""

from events.admin import recorded, rejected  # noqa: F401
