"""Which ranker a shop gets: the mean of several models that err differently.

Where validation asks plenty, LambdaMART, trees that tell hits from misses, calm LambdaMART and a small network learn on
earlier folds, the first two stopped by it, as time will judge them; which of them it likes best says little of the next
window (on Beauty the best there was the worst on test), so none is left out.
Where questions are few, one fold stops and judges by luck: models are then as large as they are in every small shop,
and the questions of all folds judge, each ranked by models that learned from other shoppers (cross-validation).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from recsys.arrays import Doubles, Floats, Longs
from recsys.metrics.registry import ndcg
from recsys.ranking.features import feature_names
from recsys.ranking.groups import even
from recsys.ranking.ranker import (
    NETWORK,
    Judged,
    Lesson,
    Ranker,
)
from recsys.training.importance import permutation_importance
from recsys.training.ranking_dataset import (
    Examples,
    limited,
    teaches,
    together,
)
from recsys.training.slates import slates
from recsys.training.validation_set import Deciding

POINTWISE: Mapping[str, Any] = {"objective": "binary", "learning_rate": 0.06}
GROWN = ({"num_leaves": 15, "learning_rate": 0.075}, {**POINTWISE, "num_leaves": 31})
SMOOTH: Mapping[str, Any] = {"objective": NETWORK}
CALM = {"num_leaves": 7, "min_data_in_leaf": 50, "learning_rate": 0.06, "lambda_l2": 20.0, "feature_fraction": 0.3}
STEPS = 4_000
"""Of the network: four epochs of half a million candidates. Twice as many at half the rate, and three copies, bring new
groceries .0954 instead of .0949 for thrice the time; groceries repeat, nothing."""
HEAT_QUESTIONS, HEAT_NEGATIVES = 2_000, 30
"""Questions, of all learning folds, that features compete on, and candidates without a hit that each keeps.

The model with the features that are left then learns from all. Those go whose shuffling changes no answer. A gain by
shuffling is no reason: half of the weak ones show it on one window, and without them new groceries end at .0852 instead
of .0905 and Beauty at .0512 instead of .0546, the former while validation liked them better (.0893 and .0860).
"""
HEAT_ROUNDS, ROUNDS, FIXED_ROUNDS = 100, 200, 100
"""Trees at most while features compete, of each kind that is stopped; and of each that is not.

Each hundred of each kind costs an answer 2 ms, the network 1 ms. Half as many again at two thirds of the learning rate
take a third more time for what chance may explain (two seeds: groceries repeat .5078 and .5073 instead of .5064 and
.5075, new .0936 and .0933 instead of .0935 and .0938, Beauty .0548 instead of .0551); so may what a quarter fewer at
four thirds of it lose (.5071 and .5070, .0926, .0544). A member names its rate: later code fits a plan again."""
HEAT_PATIENCE, PATIENCE = 17, 67
"""Rounds without gain before a model stops. Validation's NDCG@10 dips for dozens of rounds and goes on rising: of 300
trees at two thirds of the rate, stopped after 25, groceries kept 60 (repeat .5014 and .5071 on the same fits)."""
FEW_STEPS, FEW_PAIRS = 1_000, 10_000
"""Of the network where questions are few, and how many candidates it learns from at least: fewer teach it nothing."""
PARTS = 4
Member = tuple[Mapping[str, Any], int]
"""Settings and number of trees, or steps, of one model."""
SLOW, SLOW_ROUNDS = {"learning_rate": 0.04}, 150
SMALL: Mapping[str, Any] = {**POINTWISE, **SLOW, "num_leaves": 15}
FOR_FEW: Sequence[Member] = (
    (SMALL, SLOW_ROUNDS),
    ({**SMALL, "bagging_seed": 11, "feature_fraction_seed": 12}, SLOW_ROUNDS),
    ({**CALM, **SLOW}, SLOW_ROUNDS),
    (SMOOTH, FEW_STEPS),
)
"""What ranks where questions are few: pointwise trees drawn twice, calm LambdaMART, the network.

Figures: docs/adr/0014-measurements.md.
"""
BESIDE: Sequence[Member] = ((CALM, FIXED_ROUNDS), (SMOOTH, STEPS))
"""What ranks besides `GROWN` where there are plenty."""
LEAST_ROUNDS = 10
"""Trees that are grown whatever validation says."""


@dataclass(frozen=True, slots=True)
class TrainedRanker:
    """The ranker: its members, the feature columns they look at, and what their mean scores the judges' pairs.

    Each member is the settings of one model and how many trees or steps it has. `values` is NDCG@10 per question that
    judges.
    """

    members: tuple[Member, ...]
    columns: Longs
    names: tuple[str, ...]
    scores: Floats
    values: Doubles
    importance: Mapping[str, float] = field(default_factory=dict)


def ensemble(
    early: Sequence[Examples], late: Examples, deciding: Deciding, *, pooled: bool, seed: int
) -> TrainedRanker | None:
    """Return the ranker; `pooled` says that `deciding` holds the questions of all folds.

    `early` are the learning folds' examples, `late` validation's. None where either holds no hit, or nothing but hits.
    """
    if not (any(teaches(part.labels) for part in early) and teaches(late.thinned(seed=seed).labels)):
        return None
    names = feature_names(late.candidates.sources)
    every = np.arange(len(names))
    early = limited([part.thinned(seed=seed) for part in early])
    if pooled:
        pairs = sum(len(part.labels) for part in early)
        members = tuple(one for one in FOR_FEW if one[0] is not SMOOTH or pairs >= FEW_PAIRS)
        model = mean_of(members, together(early), names, seed=seed)
        losses = _importance(model, late, deciding, every, seed=seed)
        return replace(_crossed(deciding, names, members, seed=seed), importance=losses)
    heat = [_eased(part, HEAT_QUESTIONS // len(early), seed=seed) for part in early]
    _, model = _judged(heat, late, deciding, names, every, rounds=HEAT_ROUNDS, patience=HEAT_PATIENCE, seed=seed)
    losses = _importance(model, late, deciding, every, seed=seed)
    columns = np.flatnonzero([losses[name] != 0 for name in names])
    if not len(columns):
        columns = every
    whole, _ = _judged(
        early, late, deciding, names, columns, rounds=ROUNDS, patience=PATIENCE, seed=seed, beside=BESIDE
    )
    return replace(whole, importance=losses)


def mean_of(members: Sequence[Member], learnt: Judged, names: Sequence[str], *, seed: int) -> Ranker:
    """Return the mean of the members, each fitted with all its trees or steps."""
    lesson = Lesson(learnt, names, seed=seed)
    return Ranker.mean([lesson.model(*member) for member in members], learnt, names)


def _eased(part: Examples, questions: int, *, seed: int) -> Examples:
    """Return a part that is quick to learn from."""
    return part.of_rows(even(part.candidates.n_rows, questions)).thinned(negatives=HEAT_NEGATIVES, seed=seed)


def _judged(
    early: Sequence[Examples],
    late: Examples,
    deciding: Deciding,
    names: Sequence[str],
    columns: Longs,
    *,
    rounds: int,
    patience: int,
    seed: int,
    beside: Sequence[Member] = (),
) -> tuple[TrainedRanker, Ranker]:
    """Return what the next fold says of the mean of `GROWN`, which it stops, and `beside`, all learned earlier."""
    kept = tuple(names[at] for at in columns.tolist())
    learnt, valid = together(early, columns), late.thinned(seed=seed).judged(columns)
    lesson = Lesson(learnt, kept, seed=seed, valid=valid)
    grown = [lesson.grown(params, rounds, patience=patience) for params in GROWN]
    stopped = [(params, max(one.rounds, LEAST_ROUNDS)) for params, one in zip(GROWN, grown, strict=True)]
    model = Ranker.mean([*grown, *(lesson.model(*member) for member in beside)], learnt, kept)
    del lesson, learnt, valid
    scores = model.scores_at(deciding.asked.features, columns)
    return TrainedRanker((*stopped, *beside), columns, kept, scores, _values(deciding, scores)), model


def _crossed(deciding: Deciding, names: Sequence[str], members: tuple[Member, ...], *, seed: int) -> TrainedRanker:
    """Return what other shoppers' rankers say of each shopper's questions."""
    every = np.arange(len(names))
    ranked = TrainedRanker(members, every, tuple(names), np.empty(0, np.float32), np.empty(0))

    def taught(others: Longs) -> Judged:
        return deciding.asked.of_rows(others).thinned(negatives=HEAT_NEGATIVES, seed=seed).judged(every)

    scores = _by_strangers(ranked, deciding, taught, parts=PARTS, seed=seed)
    return replace(ranked, scores=scores, values=_values(deciding, scores))


def by_strangers(ranked: TrainedRanker, early: Sequence[Examples], deciding: Deciding, *, seed: int) -> Doubles:
    """Return NDCG@10 per question that judges, ranked by the same members taught by half of its shoppers too.

    Each half of the shoppers is ranked by what learned from the other half and from `early`, the learning folds.
    """

    def taught(others: Longs) -> Judged:
        own = deciding.asked.of_rows(others).thinned(seed=seed)
        return together(limited([*(part.thinned(seed=seed) for part in early), own]), ranked.columns)

    return _values(deciding, _by_strangers(ranked, deciding, taught, parts=2, seed=seed))


def _by_strangers(
    ranked: TrainedRanker, deciding: Deciding, taught: Callable[[Longs], Judged], *, parts: int, seed: int
) -> Floats:
    """Return the scores of the judges' pairs, each part of the shoppers ranked by what rows of the others `taught`."""
    asked = deciding.asked
    rng = np.random.default_rng(seed)
    part_of = rng.permutation(int(deciding.users.max(initial=0)) + 1)[deciding.users] % parts
    scores = np.zeros(len(asked.labels), np.float32)
    for part in range(parts):
        held = part_of[asked.candidates.rows] == part
        learnt = taught(np.flatnonzero(part_of != part))
        if held.any() and teaches(learnt.labels):
            model = mean_of(ranked.members, learnt, ranked.names, seed=seed)
            scores[held] = model.scores_at(asked.features[held], ranked.columns)
    return scores


def _values(deciding: Deciding, scores: Floats) -> Doubles:
    return ndcg(slates(deciding.asked.candidates, scores), deciding.targets, deciding.n_items)


def _importance(model: Ranker, late: Examples, deciding: Deciding, columns: Longs, *, seed: int) -> dict[str, float]:
    """Return the importance of features to validation's questions, which are the last ones that judge."""
    targets = deciding.targets[-late.candidates.n_rows :]
    return permutation_importance(model, late, targets, deciding.n_items, columns=columns, seed=seed)
