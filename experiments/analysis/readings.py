"""What was measured, as rows of the tables: cells, withheld answers, looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

TOTAL: Final = ""
"""The dimension that holds all units."""
DAY: Final = "day"


@dataclass(frozen=True, slots=True)
class CellRow:
    """Sufficient statistics of the units of an arm in one epoch that share a value of one dimension.

    `sums` are Σxᵢ, float[k]; `products` Σxᵢxⱼ for i ≤ j, row by row; `sketches` is a JSON document by place.
    """

    epoch: int
    arm: str
    dimension: str
    value: str
    n: int
    quarantined: int
    sums: Sequence[float]
    products: Sequence[float]
    sketches: str = "{}"


@dataclass(frozen=True, slots=True)
class LookRow:
    """A look that was stored: the units of each arm then, and the arms whose effect on the goal was significant."""

    number: int
    at: datetime
    units: Mapping[str, int]
    significant: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reading:
    """All that is known of an experiment at one moment.

    `significant` are the pairs of metric and arm that a decisive look called significant, and whether the arm was
    better at the first such look; None where no look was decisive yet.
    """

    cells: tuple[CellRow, ...] = ()
    withheld: Mapping[str, int] = field(default_factory=dict)
    looks: tuple[LookRow, ...] = ()
    significant: Mapping[tuple[str, str], bool] | None = None
    counted_until: datetime | None = None
