"""The questions that decide: those of the validation fold or, where it asks few, those of all folds together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from recsys.arrays import Bools, Longs
from recsys.data.folds import Fold
from recsys.ranking.candidates import joined
from recsys.ranking.features import LIFE, feature_names
from recsys.ranking.history import OWN
from recsys.training.ranking_dataset import Examples

PLENTY = 500
"""Questions of the validation fold that suffice to decide; below, luck would."""


def few(validation: Fold) -> bool:
    """Return whether validation alone asks too little to decide anything."""
    return len(validation) < PLENTY


@dataclass(frozen=True, slots=True)
class Deciding:
    """Questions with their candidates and right answers; `cold[i]` says which of `targets[i]` nobody had touched,
    nor the shopper since.

    `users` are the shoppers asked about: one may be asked about in several folds. `begins[i]` says that the question is
    asked as a visit begins, at the start of its fold's window, as in the held-out one; all are where it is left out.
    """

    asked: Examples
    targets: Sequence[Longs]
    cold: Sequence[Bools]
    users: Longs
    n_items: int
    begins: Bools | None = None

    @classmethod
    def of(cls, asked: Sequence[Examples], folds: Sequence[Fold]) -> Self:
        """Return the questions of some folds as one list."""
        return cls(
            asked=asked[0] if len(asked) == 1 else _joined(asked),
            targets=[own for fold in folds for own in fold.targets],
            cold=[cold for fold in folds for cold in fold.cold()],
            users=np.concatenate([fold.users for fold in folds]),
            n_items=folds[0].n_items,
            begins=np.concatenate([fold.begins for fold in folds]),
        )

    def known_targets(self) -> list[Longs]:
        """Return the right answers that are not cold."""
        return [own[~cold] for own, cold in zip(self.targets, self.cold, strict=True)]

    def cold_targets(self) -> list[Longs]:
        """Return those that are."""
        return [own[cold] for own, cold in zip(self.targets, self.cold, strict=True)]

    def untouched(self) -> Bools:
        """Return bool[n_pairs]: which candidates nobody had touched when the window began, nor the shopper since."""
        names = feature_names(self.asked.candidates.sources)
        idle, own = (self.asked.features[:, names.index(name)] for name in (LIFE[1], OWN[0]))
        found: Bools = np.isnan(idle) & ~(own > 0)
        return found


def _joined(asked: Sequence[Examples]) -> Examples:
    parts = [one.candidates for one in asked]
    starts = np.cumsum([0, *(part.n_rows for part in parts)])
    moved = [replace(part, rows=part.rows + start) for part, start in zip(parts, starts, strict=False)]
    candidates = joined(moved, parts[0].sources, int(starts[-1]))
    features = np.concatenate([one.features for one in asked])
    return Examples(candidates, features, np.concatenate([one.labels for one in asked]))
