"""What a model would serve to a fold's shoppers, as a table, and how long one answer takes."""

import time
from collections.abc import Iterable

import numpy as np

from recsys.arrays import Ints
from recsys.data.folds import Fold
from recsys.metrics.registry import MAX_CUTOFF
from recsys.ranking.model import HybridModel


def model_slates(model: HybridModel, fold: Fold, *, k: int = MAX_CUTOFF, strategy: str | None = None) -> Ints:
    """Return int32[n, k]: the slates that would be served, padded with -1."""
    slates = model.slate_many(fold.profiles, fold.contexts, k, strategy=strategy)
    return padded((slate.items for slate in slates), n=len(fold), k=k)


def padded(lists: Iterable[Ints], *, n: int, k: int) -> Ints:
    """Return int32[n, k]: n lists of at most k items, padded with -1."""
    table = np.full((n, k), -1, np.int32)
    for row, items in enumerate(lists):
        table[row, : len(items)] = items
    return table


def milliseconds(model: HybridModel, fold: Fold, row: int) -> float:
    """Return how long a whole slate of ten takes for one of the shoppers."""
    start = time.perf_counter()
    model.slate(fold.profiles[row], fold.contexts[row], 10)
    return (time.perf_counter() - start) * 1e3
