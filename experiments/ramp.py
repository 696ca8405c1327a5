"""The stages on which a winner comes to everybody, and what each changes: coverage first, then weights. Pure.

A larger coverage moves nobody. Only where the winner's weight is smaller than the stage do weights change, which starts
an epoch. The others then shrink alike, so the range of the winner's buckets grows to both sides and loses none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

STAGES: Final = (0.10, 0.25, 0.50, 1.0)
"""The winner's share of all traffic. The last stage ships it."""
EVERYBODY: Final = 1.0
_NEARLY: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Traffic:
    """Who takes part, and how they are split: the weight of each arm by its key, in the order of the arms."""

    coverage: float
    weights: Mapping[str, float]

    def share(self, arm: str) -> float:
        """Return the share of all traffic that has the arm."""
        return self.coverage * self.weights[arm]


def next_stage(share: float) -> float:
    """Return the first stage above the present share; the last one from there on."""
    return next((stage for stage in STAGES if stage > share + _NEARLY), EVERYBODY)


def traffic_at(traffic: Traffic, arm: str, share: float) -> Traffic:
    """Return the traffic in which the arm has this share, below 1, of all. Raises ValueError for a smaller share."""
    if not traffic.share(arm) < share < EVERYBODY:
        raise ValueError("a ramp only goes up, and its last stage is no split")
    weight = traffic.weights[arm]
    if share <= weight:
        return Traffic(share / weight, traffic.weights)
    rest = (1 - share) / (1 - weight)
    return Traffic(1.0, {key: share if key == arm else rest * one for key, one in traffic.weights.items()})
