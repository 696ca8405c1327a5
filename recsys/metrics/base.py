"""What a ranking metric is: one file, one `METRIC`, one line in `registry`."""

from collections.abc import Callable
from dataclasses import dataclass

from recsys.arrays import Bools, Doubles, Longs


@dataclass(frozen=True, slots=True)
class Metric:
    """`values(hits, n_targets, k)` returns float64[n]: each question's value at cut-off k, higher is better.

    hits is bool[n, depth] with depth >= k: whether each place of a slate holds a target; n_targets int64[n] > 0.
    """

    name: str
    title: str
    values: Callable[[Bools, Longs, int], Doubles]
