"""From questions to what a ranker learns from: candidates, point-in-time features, labels, one group a question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Bools, Floats, Longs
from recsys.data.folds import Fold
from recsys.ranking.candidates import Candidates, gather
from recsys.ranking.features import features
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.ranker import RankingDataset
from recsys.sources.scoring import Scoring

NEGATIVES = 60
"""Candidates without a hit that are kept for each question in training; ranking is always over all candidates."""
MAX_ROWS = 500_000
"""Rows that a ranker learns from at most. More bring little: a fifth of them finds .5060 of .5064 on groceries."""


@dataclass(frozen=True, slots=True)
class LabeledCandidates:
    """Candidates of a fold's questions with features float32[n_pairs, n_features] and labels bool[n_pairs]."""

    candidates: Candidates
    features: Floats
    labels: Bools

    def of_rows(self, rows: Longs) -> "LabeledCandidates":
        """Return the candidates of some questions (ascending), their rows numbered anew."""
        kept = np.isin(self.candidates.rows, rows)
        part = self.candidates.part(kept)
        part = replace(part, rows=np.searchsorted(rows, part.rows), n_rows=len(rows))
        return LabeledCandidates(part, self.features[kept], self.labels[kept])

    def dataset(self, *, seed: int) -> RankingDataset:
        """Return the questions that hold a hit, each with at most `NEGATIVES` misses, as a ranker takes them."""
        kept = _learnable(self.candidates, self.labels, seed=seed)
        return _dataset(self.candidates.rows[kept], self.features[kept], self.labels[kept])


def label_candidates(
    sources: Mapping[str, Scoring], statistics: ItemStatistics, fold: Fold, *, quotas: Mapping[str, int]
) -> LabeledCandidates:
    """Return all candidates of a fold's questions. Sources and statistics must be fitted on its past."""
    candidates, labels = _gathered(sources, statistics, fold, quotas)
    return LabeledCandidates(candidates, features(candidates, fold.profiles, fold.contexts, statistics), labels)


def ranking_dataset(
    sources: Mapping[str, Scoring], statistics: ItemStatistics, fold: Fold, *, quotas: Mapping[str, int], seed: int
) -> RankingDataset:
    """Return `label_candidates(…).dataset(seed=seed)` without computing features of candidates that are left out."""
    candidates, labels = _gathered(sources, statistics, fold, quotas)
    kept = _learnable(candidates, labels, seed=seed)
    values = features(candidates, fold.profiles, fold.contexts, statistics, subset=kept)
    return _dataset(candidates.rows[kept], values, labels[kept])


def concatenate(parts: Sequence[RankingDataset], *, max_rows: int = MAX_ROWS) -> RankingDataset:
    """Return several datasets as one, oldest first. Beyond `max_rows`, whole questions of the oldest are left out."""
    chosen: list[RankingDataset] = []
    room = max_rows
    for part in reversed(parts):
        if len(part.labels) > room:
            part = part.sample(len(part.groups) * max(0, room) // len(part.labels))
        chosen.insert(0, part)
        room -= len(part.labels)
    return RankingDataset(
        np.concatenate([part.features for part in chosen]),
        np.concatenate([part.labels for part in chosen]),
        np.concatenate([part.groups for part in chosen]),
    )


def has_contrast(labels: NDArray[np.bool_ | np.int32]) -> bool:
    """Return whether there are both hits and misses: else there is nothing to put in order."""
    return bool(0 < np.count_nonzero(labels) < len(labels))


def label(candidates: Candidates, targets: Sequence[Longs], n_items: int) -> Bools:
    """Return bool[n_pairs]: whether each candidate is a target of its question."""
    wanted = [row * n_items + own for row, own in enumerate(targets)]
    codes = candidates.rows * n_items + candidates.items
    labels: Bools = np.isin(codes, np.concatenate(wanted) if wanted else np.empty(0, np.int64))
    return labels


def _gathered(
    sources: Mapping[str, Scoring], statistics: ItemStatistics, fold: Fold, quotas: Mapping[str, int]
) -> tuple[Candidates, Bools]:
    candidates = gather(sources, fold.profiles, fold.contexts, quotas=quotas, n_items=statistics.n_items)
    return candidates, label(candidates, fold.targets, statistics.n_items)


def _dataset(rows: Longs, values: Floats, labels: Bools) -> RankingDataset:
    sizes = np.bincount(rows)
    return RankingDataset(values, labels.astype(np.int32), sizes[sizes > 0].astype(np.int64))


def _learnable(candidates: Candidates, labels: Bools, *, seed: int) -> Bools:
    """Return bool[n_pairs]: the pairs of questions with a hit, at most `NEGATIVES` misses each."""
    hit_rows = np.zeros(candidates.n_rows, bool)
    hit_rows[candidates.rows[labels]] = True
    draw = np.random.default_rng(seed).random(len(labels))
    draw[labels] = -1.0
    order = np.lexsort((draw, candidates.rows))
    rows = candidates.rows[order]
    positives = np.bincount(candidates.rows[labels], minlength=candidates.n_rows)
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept: Bools = np.zeros(len(rows), np.bool_)
    kept[order] = (place < positives[rows] + NEGATIVES) & hit_rows[rows]
    return kept
