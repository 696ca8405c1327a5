"""The interface of a ranking metric: one file with one `METRIC`, and one line in `registry`."""

from collections.abc import Callable
from dataclasses import dataclass

from recsys.arrays import Bools, Doubles, Longs


@dataclass(frozen=True, slots=True)
class Metric:
    """A ranking metric. `values(hits, n_targets, k)` returns float64[n], one value a question; higher is better.

    `hits` is bool[n, depth]: whether each position of a slate holds a target. `n_targets` is int64[n], above 0. `k` is
    the cut-off.
    """

    name: str
    title: str
    values: Callable[[Bools, Longs, int], Doubles]
