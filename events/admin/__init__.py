"""Admin pages of events, orders, rejected events and allowed fields."""

from events.admin import allowed, recorded, rejected  # noqa: F401
