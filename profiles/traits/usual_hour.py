"""The hour of the day at which the shopper is here most, in UTC."""

from typing import Final

from events.types.base import Interaction
from profiles.traits.base import Products, Refunds, Trait, TraitField, add

HOUR: Final = 3_600_000_000


class UsualHour(Trait[dict[str, int]]):
    """State: how many interactions fell into each hour of the day."""

    key = "usual_hour"
    title = "Usual hour"
    fields = (
        TraitField("usual_hour.hour", "Usual hour of the day (UTC)"),
        TraitField("usual_hour.share", "Share of the usual hour"),
    )

    def empty(self) -> dict[str, int]:
        """Return no counts."""
        return {}

    def update(self, state: dict[str, int], one: Interaction) -> dict[str, int]:
        """Count the hour."""
        return add(state, {str(one.at // HOUR % 24): 1})

    def merge(self, state: dict[str, int], other: dict[str, int]) -> dict[str, int]:
        """Add the counts."""
        return add(dict(state), other)

    def value(
        self, state: dict[str, int], *, now: int, products: Products, refunds: Refunds
    ) -> dict[str, int | float] | None:
        """Return the hour from 0 to 23, the earliest of several, and its share of all interactions."""
        if not state:
            return None
        hour = min(state, key=lambda name: (-state[name], int(name)))
        return {"hour": int(hour), "share": round(state[hour] / sum(state.values()), 3)}
