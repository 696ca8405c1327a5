"""A person's live profile as the customer's page shows it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import redis

from customers.selectors import Identity
from events.types.base import Interaction
from profiles.selectors import read_person


@dataclass(frozen=True, slots=True)
class KnownTraits:
    """Trait names and values to read; `why_empty` says why there are none."""

    interactions: int
    traits: tuple[tuple[str, str], ...]
    why_empty: str = ""


def traits_of(identity: Identity, *, now: datetime) -> KnownTraits:
    """Return what the profiler keeps about the person at this moment."""
    user_id = identity.user_ids[0] if identity.user_ids else None
    anonymous_id = identity.anonymous_ids[0] if identity.anonymous_ids and not user_id else None
    try:
        person = read_person(user_id=user_id, anonymous_id=anonymous_id)
    except (redis.ConnectionError, redis.TimeoutError):
        return KnownTraits(0, (), "The profile store does not answer.")
    if not person.history:
        return KnownTraits(0, (), "No profile: nothing was looked at, or personalization is not allowed.")
    return KnownTraits(len(person.history), tuple(_facts(person.history, now=now)))


def _facts(history: Sequence[Interaction], *, now: datetime) -> list[tuple[str, str]]:
    counts = Counter(interaction.signal for interaction in history)
    last = datetime.fromtimestamp(history[-1].at / 1e6, UTC)
    products = len({interaction.product_id for interaction in history})
    return [
        ("last seen", f"{last:%Y-%m-%d %H:%M} ({(now - last).days} days ago)"),
        ("products", str(products)),
        *((signal, str(count)) for signal, count in counts.most_common()),
    ]
