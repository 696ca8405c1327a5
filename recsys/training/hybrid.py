"""Sources with some settings, what they propose, and the ranker that learned on it: what validation compares."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from recsys.arrays import Doubles
from recsys.data.folds import LIMIT, Fold
from recsys.metrics.registry import ndcg
from recsys.progress import Progress
from recsys.ranking.candidates import gather
from recsys.ranking.item_statistics import ItemFacts
from recsys.sources.fitting import fitted
from recsys.sources.scoring import Scoring
from recsys.training.candidate_quotas import DEPTH, tuned_quotas
from recsys.training.plan import fresh
from recsys.training.ranker_training import TrainedRanker, ensemble
from recsys.training.ranking_dataset import (
    LEARNT_ROWS,
    NEGATIVES,
    Examples,
    examples,
    label,
    thin_examples,
)
from recsys.training.slates import single_slates
from recsys.training.stages import best_single
from recsys.training.validation_set import Deciding, few

Configs = Mapping[str, Mapping[str, Any]]
SAMPLE = 500
"""Shoppers that quotas are tuned on."""


@dataclass(frozen=True, slots=True)
class Hybrid:
    """Settings and quotas of the sources, the candidates of the learning folds and of validation, and the ranker."""

    configs: Configs
    quotas: Mapping[str, int]
    asked: Sequence[Examples]
    late: Examples
    deciding: Deciding
    ranked: TrainedRanker | None

    @property
    def values(self) -> Doubles:
        """NDCG@10 of the ranker or, where there is none, of the best source, per question that judges."""
        if self.ranked is not None:
            return self.ranked.values
        deciding = self.deciding
        candidates, targets, n_items = deciding.asked.candidates, deciding.targets, deciding.n_items
        single = next(iter(best_single(candidates, targets, n_items)))
        return ndcg(single_slates(candidates, single), targets, n_items)


def hybrid(
    names: Sequence[str],
    configs: Configs,
    learning: Sequence[Fold],
    validation: Fold,
    *,
    ready: dict[str, Scoring],
    seed: int,
    progress: Progress,
) -> Hybrid:
    """Return what comes of the settings.

    `ready` are sources already fitted with them on validation's past; it is emptied, for they would be held in memory
    while the ranker learns.
    """
    progress("Tuning candidates for recall", 0.0)
    latest = _fitted(names, configs, learning[-1])
    quotas, teaching = _quotas(latest, learning[-1], seed=seed)
    progress("Asking the sources of the learning folds", 0.1)
    pooled = few(validation)
    most = LIMIT if pooled else _enough(teaching, folds=len(learning) + 1)
    teach = examples if pooled else partial(thin_examples, seed=seed)
    asked: list[Examples] = []
    for fold in reversed(learning):  # of a large catalogue, sources of two folds at once are most of the memory
        sources = {name: latest[name] for name in quotas} if latest else _fitted(quotas, configs, fold)
        latest = {}
        asked.insert(0, teach(sources, _facts(fold), fold.sample(most, seed=seed), quotas=quotas))
        del sources
    progress("Asking the sources again, later", 0.3)
    ready |= _fitted(quotas.keys() - ready.keys(), configs, validation)
    own = {name: ready[name] for name in quotas}
    late = examples(own, _facts(validation), validation, quotas=quotas)
    del own
    ready.clear()
    deciding = Deciding.of([*asked, late] if pooled else [late], [*learning, validation] if pooled else [validation])
    progress("Training the ranker", 0.6)
    return Hybrid(configs, quotas, asked, late, deciding, ensemble(asked, late, deciding, pooled=pooled, seed=seed))


def _fitted(names: Iterable[str], configs: Configs, fold: Fold) -> dict[str, Scoring]:
    """Return the sources, in the order of their names, fitted on a fold's past."""
    return fitted(fresh(names, configs), fold.past, fold.catalogue)


def _quotas(sources: Mapping[str, Scoring], fold: Fold, *, seed: int) -> tuple[dict[str, int], float]:
    """Return the quotas tuned on a part of a fold, and the share of its questions that a source can answer."""
    part = fold.sample(SAMPLE, seed=seed)
    every = dict.fromkeys(sources, DEPTH)
    deep = gather(sources, part.profiles, part.contexts, quotas=every, n_items=part.n_items)
    hit = label(deep, part.targets, part.n_items)
    quotas = tuned_quotas(deep, hit)
    share = len(np.unique(deep.rows[hit])) / max(1, len(part))
    return dict(sorted(quotas.items())), share


def _enough(teaching: float, *, folds: int) -> int:
    """Return how many questions of each fold give as many candidates as rankers learn from.

    `teaching` is the share of questions whose candidates hold a target: a ranker learns nothing from others.
    """
    return int(np.ceil(LEARNT_ROWS / folds / NEGATIVES / max(teaching, 0.01)))


def _facts(fold: Fold) -> ItemFacts:
    return ItemFacts.fit(fold.past, fold.catalogue, until=fold.until)
