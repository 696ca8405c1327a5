"""The scores of one answer: of all items, or of those few that a source has an opinion of."""

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.compiled import compiled
from recsys.sources.base import Ranked
from recsys.sources.top import best_of_all, best_of_some


@dataclass(frozen=True, slots=True)
class ItemScores:
    """`values`, float32, are the scores of `codes`, int32, distinct and in any order; None stands for all codes."""

    values: Floats
    codes: Ints | None = None

    def best(self, mask: Bools, k: int) -> Ranked:
        """Return the k best items of the mask, bool[n_items]; items with score 0 are left out."""
        if self.codes is None:
            return best_of_all(self.values, mask, k)
        return best_of_some(self.codes, self.values, mask, k)

    def all(self, n_items: int) -> Floats:
        """Return float32[n_items]: the score of each item, 0 without an opinion."""
        if self.codes is None:
            return self.values
        scores = np.zeros(n_items, np.float32)
        scores[self.codes] = self.values
        return scores

    def enter(self, places: Ints, matrix: Floats, column: int) -> None:
        """Write the scores of candidates into a column of float32[n, …].

        `places`, int32[n_items], is each item's row, -1 for no candidate.
        """
        if self.codes is None:
            _enter_all(self.values, places, matrix, column)
        else:
            _enter_some(self.codes, self.values, places, matrix, column)


@compiled
def _enter_all(values: Floats, places: Ints, matrix: Floats, column: int) -> None:
    for code in range(min(len(values), len(places))):
        if places[code] >= 0:
            matrix[places[code], column] = values[code]


@compiled
def _enter_some(codes: Ints, values: Floats, places: Ints, matrix: Floats, column: int) -> None:
    for at in range(len(codes)):
        if places[codes[at]] >= 0:
            matrix[places[codes[at]], column] = values[at]
