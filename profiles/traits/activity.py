"""How often the shopper did what, and on how many days."""

from events.types.base import SIGNALS, Interaction
from profiles.traits.base import DAY, Products, Refunds, Trait, TraitField, add


class ActionCounts(Trait[dict[str, int]]):
    """State: count of each signal."""

    key = "action_counts"
    title = "Actions"
    fields = tuple(TraitField(f"action_counts.{signal}", f"Actions: {signal}") for signal in SIGNALS)

    def empty(self) -> dict[str, int]:
        """Return no counts."""
        return {}

    def update(self, state: dict[str, int], one: Interaction) -> dict[str, int]:
        """Count one."""
        return add(state, {one.signal: 1})

    def merge(self, state: dict[str, int], other: dict[str, int]) -> dict[str, int]:
        """Add the counts."""
        return add(dict(state), other)

    def value(self, state: dict[str, int], *, now: int, products: Products, refunds: Refunds) -> dict[str, int] | None:
        """Return the counts by name."""
        return dict(sorted(state.items())) or None


class ActiveDays(Trait[frozenset[int]]):
    """State: the days with any interaction."""

    key = "active_days"
    title = "Days active"
    fields = (TraitField("active_days", "Days active"),)

    def empty(self) -> frozenset[int]:
        """Return no days."""
        return frozenset()

    def update(self, state: frozenset[int], one: Interaction) -> frozenset[int]:
        """Add the day."""
        return state | {one.at // DAY}

    def merge(self, state: frozenset[int], other: frozenset[int]) -> frozenset[int]:
        """Join the days."""
        return state | other

    def value(self, state: frozenset[int], *, now: int, products: Products, refunds: Refunds) -> int | None:
        """Return the number of days."""
        return len(state) or None
