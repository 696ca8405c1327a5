"""The scores of one answer: of all items, or of those few that a source has an opinion of."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.compiled import compiled, frozen
from recsys.sources.base import Ranked
from recsys.sources.top import best_of_all, best_of_some


@dataclass(frozen=True, slots=True)
class ItemScores:
    """`values`, float32, are the scores of `codes`, int32, which are distinct; None stands for all codes.

    `is_sorted` says that the codes stand best first, ties by code; else they are in any order.
    """

    values: Floats
    codes: Ints | None = None
    is_sorted: bool = False

    @classmethod
    def sorted(cls, scores: Floats) -> Self:
        """Return those of float32[n_items] scores that are not 0, best first."""
        order = np.argsort(-scores, kind="stable").astype(np.int32)
        codes = frozen(order[scores[order] != 0])
        return cls(frozen(scores[codes]), codes, is_sorted=True)

    def best(self, mask: Bools, k: int) -> Ranked:
        """Return the k best items of the mask, bool[n_items]; items with score 0 are left out."""
        if self.codes is None:
            return best_of_all(self.values, mask, k)
        return best_of_some(self.codes, self.values, mask, k, is_sorted=self.is_sorted)

    def all(self, n_items: int) -> Floats:
        """Return float32[n_items]: the score of each item, 0 without an opinion."""
        if self.codes is None:
            return self.values
        scores = np.zeros(n_items, np.float32)
        scores[self.codes] = self.values
        return scores

    def enter(self, items: Ints, places: Ints, matrix: Floats, column: int) -> None:
        """Write the scores of candidates into a column of float32[len(items), …], which holds what is without one.

        `items` are the candidates' codes, and `places`, int32[n_items], is each item's row, -1 for no candidate.
        """
        if self.codes is None:
            _enter_all(self.values, items, matrix, column)
        else:
            _enter_some(self.codes, self.values, places, matrix, column)


@compiled
def _enter_all(values: Floats, items: Ints, matrix: Floats, column: int) -> None:
    for row in range(len(items)):
        if items[row] < len(values):
            matrix[row, column] = values[items[row]]


@compiled
def _enter_some(codes: Ints, values: Floats, places: Ints, matrix: Floats, column: int) -> None:
    for at in range(len(codes)):
        place = places[np.uint64(codes[at])]
        if place >= 0:
            matrix[place, column] = values[at]
