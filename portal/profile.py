"""A person's live profile as the customer's page shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis
from django.conf import settings

from customers.selectors import Identity
from profiles.customer_profile import OF_NEWEST, traits_of
from profiles.traits.registry import TRAITS


@dataclass(frozen=True, slots=True)
class LiveProfile:
    """Titles of traits and their values to read; `why_empty` says why there are none."""

    traits: tuple[tuple[str, str], ...] = ()
    why_empty: str = ""

    @property
    def basis(self) -> str:
        """Return what the values are of, and what amounts are in."""
        return f"{OF_NEWEST} Amounts are in {settings.SHOP_CURRENCY}."


def live_profile(identity: Identity, *, now: datetime) -> LiveProfile:
    """Return what the profiler keeps about the person at this moment."""
    try:
        traits = traits_of(identity, now=now)
    except (redis.ConnectionError, redis.TimeoutError):
        return LiveProfile(why_empty="The profile store does not answer.")
    if not traits:
        return LiveProfile(why_empty="Nothing was looked at, or personalization is not allowed.")
    return LiveProfile(tuple((TRAITS[key].title, readable(value)) for key, value in traits.items()))


def readable(value: Any) -> str:
    """Return a trait's value as a person reads it."""
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
