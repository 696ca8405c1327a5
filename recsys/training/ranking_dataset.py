"""From a fold to what the ranker learns: candidates, point-in-time features, labels, one group a shopper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Bools, Floats, Longs
from recsys.data.folds import Fold
from recsys.ranking.candidates import Candidates, gather
from recsys.ranking.features import features
from recsys.ranking.groups import even
from recsys.ranking.item_statistics import ItemFacts
from recsys.ranking.ranker import Judged
from recsys.sources.scoring import Scoring

NEGATIVES = 60
"""Candidates without a hit that are kept for each shopper in training; ranking is always over all candidates."""

LEARNT_ROWS = 500_000
"""Candidates that rankers learn from at most: beyond, time grows and little else (groceries .5060 of .5064 on a fifth).

All folds share them; in what a released bundle learns from, the newest one takes the place of the oldest.
"""


@dataclass(frozen=True, slots=True)
class Examples:
    """Candidates of a fold's questions with their features and whether each was a target."""

    candidates: Candidates
    features: Floats
    labels: Bools

    def judged(self, columns: Longs | None = None) -> Judged:
        """Return them as the ranker takes them, narrowed to some feature columns."""
        sizes = np.bincount(self.candidates.rows, minlength=self.candidates.n_rows)
        chosen = self.features if columns is None else np.ascontiguousarray(self.features[:, columns])
        return Judged(chosen, self.labels.astype(np.int32), sizes[sizes > 0].astype(np.int64))

    def thinned(self, *, negatives: int = NEGATIVES, seed: int = 7) -> "Examples":
        """Return the shoppers whose candidates hold a target, with at most so many negatives each."""
        kept = _teaching(self.candidates, self.labels, negatives=negatives, seed=seed)
        if kept.all():
            return self
        return Examples(self.candidates.part(kept), self.features[kept], self.labels[kept])

    def of_rows(self, rows: Longs) -> "Examples":
        """Return the examples of some shoppers (ascending), their rows numbered anew."""
        kept = np.isin(self.candidates.rows, rows)
        part = self.candidates.part(kept)
        part = replace(part, rows=np.searchsorted(rows, part.rows), n_rows=len(rows))
        return Examples(part, self.features[kept], self.labels[kept])


def limited(parts: Sequence[Examples], *, rows: int = LEARNT_ROWS) -> list[Examples]:
    """Return the parts with as many of their shoppers, evenly chosen, as have so many candidates together."""
    share = rows / max(1, sum(len(part.labels) for part in parts))
    if share >= 1:
        return list(parts)
    return [part.of_rows(even(part.candidates.n_rows, int(part.candidates.n_rows * share))) for part in parts]


def teaches(labels: NDArray[np.bool_ | np.int32]) -> bool:
    """Return whether there are both hits and misses: else there is nothing to put in order."""
    return bool(0 < np.count_nonzero(labels) < len(labels))


def together(parts: Sequence[Examples], columns: Longs | None = None) -> Judged:
    """Return several folds' examples as the ranker takes them, narrowed to some feature columns.

    As `joined`, without a second copy of them all: that would be the most memory of a large shop's training.
    """
    width = parts[0].features.shape[1] if columns is None else len(columns)
    features = np.empty((sum(len(part.labels) for part in parts), width), np.float32)
    labels, groups, at = [], [], 0
    for part in parts:
        own = part.judged(columns)
        features[at : at + len(own.labels)] = own.features
        labels.append(own.labels)
        groups.append(own.groups)
        at += len(own.labels)
    return Judged(features, np.concatenate(labels), np.concatenate(groups))


def joined(parts: Sequence[Judged]) -> Judged:
    """Return several folds' judged pairs as one."""
    return Judged(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.groups for part in parts]),
    )


def label(candidates: Candidates, targets: Sequence[Longs], n_items: int) -> Bools:
    """Return whether each candidate is a target of its shopper."""
    wanted = [row * n_items + own for row, own in enumerate(targets)]
    codes = candidates.rows * n_items + candidates.items
    found: Bools = np.isin(codes, np.concatenate(wanted) if wanted else np.empty(0, np.int64))
    return found


def examples(
    sources: Mapping[str, Scoring],
    facts: ItemFacts,
    fold: Fold,
    *,
    quotas: Mapping[str, int],
) -> Examples:
    """Return the examples of a fold. Sources and facts must have been fitted on its past."""
    candidates, labels = _proposed(sources, facts, fold, quotas)
    return Examples(candidates, features(candidates, fold.profiles, fold.contexts, facts), labels)


def thin_examples(
    sources: Mapping[str, Scoring], facts: ItemFacts, fold: Fold, *, quotas: Mapping[str, int], seed: int
) -> Examples:
    """Return `examples(…).thinned(seed=seed)`, without the features of what is left out: three quarters of a large
    shop's, in time and in memory.
    """
    candidates, labels = _proposed(sources, facts, fold, quotas)
    kept = _teaching(candidates, labels, negatives=NEGATIVES, seed=seed)
    seen = features(candidates, fold.profiles, fold.contexts, facts, kept=kept)
    return Examples(candidates.part(kept), seen, labels[kept])


def _proposed(
    sources: Mapping[str, Scoring], facts: ItemFacts, fold: Fold, quotas: Mapping[str, int]
) -> tuple[Candidates, Bools]:
    candidates = gather(sources, fold.profiles, fold.contexts, quotas=quotas, n_items=facts.n_items)
    return candidates, label(candidates, fold.targets, facts.n_items)


def _teaching(candidates: Candidates, labels: Bools, *, negatives: int, seed: int) -> Bools:
    """Return bool[n_pairs]: the pairs of shoppers who have a hit, at most so many misses each."""
    hit_rows = np.zeros(candidates.n_rows, bool)
    hit_rows[candidates.rows[labels]] = True
    draw = np.random.default_rng(seed).random(len(labels))
    draw[labels] = -1.0
    order = np.lexsort((draw, candidates.rows))
    rows = candidates.rows[order]
    positives = np.bincount(candidates.rows[labels], minlength=candidates.n_rows)
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept: Bools = np.zeros(len(rows), np.bool_)
    kept[order] = (place < positives[rows] + negatives) & hit_rows[rows]
    return kept
