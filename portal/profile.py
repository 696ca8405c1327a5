"""A person's live profile for the customer's page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis
from django.conf import settings

from customers.selectors import Identity
from profiles.customer_profile import OF_NEWEST, traits_of
from profiles.traits.registry import TITLES


@dataclass(frozen=True, slots=True)
class LiveProfile:
    """Titles and readable values of traits; `why_empty` explains an empty profile."""

    traits: tuple[tuple[str, str], ...] = ()
    why_empty: str = ""

    @property
    def basis(self) -> str:
        """Return the note on the profile's events and currency."""
        return f"{OF_NEWEST} Amounts are in {settings.SHOP_CURRENCY}."


def live_profile(identity: Identity, *, now: datetime) -> LiveProfile:
    """Return the person's current profile."""
    try:
        traits = traits_of(identity, now=now)
    except (redis.ConnectionError, redis.TimeoutError):
        return LiveProfile(why_empty="The profile store does not answer.")
    if not traits:
        return LiveProfile(why_empty="No events yet, or personalization is not allowed.")
    return LiveProfile(tuple((TITLES[key], readable(value)) for key, value in traits.items()))


def readable(value: Any) -> str:
    """Return a trait's value as text."""
    if isinstance(value, Mapping) and value.keys() == {"name", "share"}:
        return f"{value['name']} {readable(value['share'])}"
    if value is None:
        return "unknown"
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {readable(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(readable(inner) for inner in value)
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)
