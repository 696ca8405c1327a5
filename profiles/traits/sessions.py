"""Visits to the shop, by gaps of half an hour."""

from itertools import pairwise
from typing import Final

from events.types.base import Interaction
from profiles.traits.base import Products, Refunds, Trait, TraitField

MINUTE: Final = 60_000_000
GAP_MINUTES: Final = 30
"""After so long without an interaction another session begins, as in Google Analytics."""


class Sessions(Trait[set[int]]):
    """State: the minutes with any interaction."""

    key = "sessions"
    title = "Sessions"
    fields = (
        TraitField("sessions.count", "Sessions"),
        TraitField("sessions.last_minutes", "Minutes of the last session"),
        TraitField("sessions.average_minutes", "Minutes of a session"),
    )

    def empty(self) -> set[int]:
        """Return no minutes."""
        return set()

    def update(self, state: set[int], one: Interaction) -> set[int]:
        """Add the minute."""
        state.add(one.at // MINUTE)
        return state

    def merge(self, state: set[int], other: set[int]) -> set[int]:
        """Join the minutes."""
        return state | other

    def value(
        self, state: set[int], *, now: int, products: Products, refunds: Refunds
    ) -> dict[str, int | float] | None:
        """Return the number of sessions, the length of the last one, and the mean length in minutes."""
        if not state:
            return None
        minutes = sorted(state)
        breaks = [(end, start) for end, start in pairwise(minutes) if start - end > GAP_MINUTES]
        starts = [minutes[0], *(start for _, start in breaks)]
        ends = [*(end for end, _ in breaks), minutes[-1]]
        lengths = [end - start for start, end in zip(starts, ends, strict=True)]
        return {
            "count": len(lengths),
            "last_minutes": lengths[-1],
            "average_minutes": round(sum(lengths) / len(lengths), 1),
        }
