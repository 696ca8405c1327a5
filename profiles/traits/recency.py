"""Days since the shopper's last interaction."""

from events.types.base import Interaction
from profiles.traits.base import DAY, Products, Refunds, Trait, TraitField, next_day


class RecencyDays(Trait[int]):
    """State: the latest time, 0 before any."""

    key = "recency_days"
    title = "Days since last seen"
    fields = (TraitField("recency_days", "Days since last seen"),)

    def empty(self) -> int:
        """Return 0."""
        return 0

    def update(self, state: int, one: Interaction) -> int:
        """Keep the later."""
        return max(state, one.at)

    def merge(self, state: int, other: int) -> int:
        """Keep the later."""
        return max(state, other)

    def value(self, state: int, *, now: int, products: Products, refunds: Refunds) -> int | None:
        """Return whole days."""
        return max(0, now - state) // DAY if state else None

    def next_change(self, state: int, *, now: int) -> int | None:
        """Return the end of the day that runs since the latest time."""
        return next_day(state, now) if state else None
