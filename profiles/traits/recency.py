"""Days since the shopper's last interaction."""

from events.types.base import Interaction
from profiles.traits.base import DAY, Products, Refunds, Trait


class RecencyDays(Trait[int]):
    """State: the latest time, 0 before any."""

    key = "recency_days"
    title = "Days since last seen"

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
