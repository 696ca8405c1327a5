"""Activity that fades: an interaction of a week ago counts half."""

from typing import Final

from events.types.base import Interaction
from profiles.traits.base import DAY, Products, Refunds, Trait, TraitField

HALF_LIFE_DAYS: Final = 7
NOTHING: Final = 0.01
"""Below this the value is 0, and stays so without an event."""
Counts = dict[int, int]


class RecentActivity(Trait[Counts]):
    """State: the number of interactions on each day."""

    key = "recent_activity"
    title = "Recent activity"
    fields = (TraitField("recent_activity", "Recent activity (half after a week)"),)

    def empty(self) -> Counts:
        """Return no days."""
        return {}

    def update(self, state: Counts, one: Interaction) -> Counts:
        """Count the interaction on its day."""
        day = one.at // DAY
        state[day] = state.get(day, 0) + 1
        return state

    def merge(self, state: Counts, other: Counts) -> Counts:
        """Add the counts."""
        merged = dict(state)
        for day, count in other.items():
            merged[day] = merged.get(day, 0) + count
        return merged

    def value(self, state: Counts, *, now: int, products: Products, refunds: Refunds) -> float | None:
        """Return the sum, in which each interaction halves every seven days; it changes at midnight, UTC."""
        if not state:
            return None
        total = _faded(state, now)
        return round(total, 2) if total >= NOTHING else 0.0

    def next_change(self, state: Counts, *, now: int) -> int | None:
        """Return the next midnight while there is something to fade."""
        return (now // DAY + 1) * DAY if state and _faded(state, now) >= NOTHING else None


def _faded(state: Counts, now: int) -> float:
    today = now // DAY
    total: float = sum(count * 0.5 ** (max(0, today - day) / HALF_LIFE_DAYS) for day, count in sorted(state.items()))
    return total
