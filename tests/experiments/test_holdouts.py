"""Hold-outs that are counted outside of experiments: the interval knows that one shopper's answers hang together."""

import numpy as np
import pytest

from experiments.holdouts import FEWEST_GROUPS, HoldoutEffect, Pair, holdout_effect
from experiments.stats.estimands import Mean
from experiments.stats.estimates import absolute_effect
from experiments.stats.moments import proportion_arm
from experiments.stats.sequential import always_valid_inference

GROUPS, LOOKS = 128, 20


def shop(rng: np.random.Generator, lift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return clicked answers and answers, float[looks, groups], of 1,000 shoppers: some come often and click much."""
    group = rng.integers(0, GROUPS, 1_000)
    answers = rng.poisson(rng.lognormal(0.0, 1.0, 1_000), (LOOKS, 1_000))
    clicked = rng.binomial(answers, np.minimum(rng.beta(0.3, 2.7, 1_000) * (1 + lift), 1.0))
    return (
        np.stack([np.bincount(group, one, GROUPS) for one in clicked.cumsum(axis=0)]),
        np.stack([np.bincount(group, one, GROUPS) for one in answers.cumsum(axis=0)]),
    )


def pairs(counts: tuple[np.ndarray, np.ndarray], look: int) -> list[Pair]:
    return [(float(top), float(below)) for top, below in zip(counts[0][look], counts[1][look], strict=True)]


def by_answers(held_out: list[Pair], applied: list[Pair]) -> bool:
    """Tell whether a count of answers as if each were a shopper of its own would call the effect significant."""
    arms = [proportion_arm(int(sum(b for _, b in one)), sum(a for a, _ in one)) for one in (held_out, applied)]
    return always_valid_inference(absolute_effect(arms[0], arms[1], Mean(0))).is_significant


def test_watched_without_an_effect_it_hardly_ever_alarms_and_a_count_of_answers_does() -> None:
    rng, alarms, naive = np.random.default_rng(8), 0, 0
    for _ in range(200):
        held_out, applied = shop(rng), shop(rng)
        looks = [(pairs(held_out, look), pairs(applied, look)) for look in range(LOOKS)]
        effects = [holdout_effect(*one) for one in looks]
        alarms += any(one is not None and one.is_significant for one in effects)
        naive += any(by_answers(*one) for one in looks)

    assert alarms <= 10  # 5 %
    assert naive > 30  # what the interval is for


def found(lift: float) -> HoldoutEffect:
    rng = np.random.default_rng(9)
    one = holdout_effect(pairs(shop(rng), LOOKS - 1), pairs(shop(rng, lift), LOOKS - 1))
    assert one is not None
    return one


def test_an_effect_is_found_with_its_interval() -> None:
    one = found(1.0)

    assert one.is_significant
    assert one.relative.value is not None
    assert one.relative.low is not None
    assert one.relative.high is not None
    assert one.absolute.value == pytest.approx(one.applied - one.held_out)
    assert 0 < one.relative.low < 1.0 < one.relative.high
    assert not found(0.0).is_significant


def test_too_few_groups_or_no_spread_say_nothing() -> None:
    some = [(float(number % 3), 10.0) for number in range(FEWEST_GROUPS)]

    assert holdout_effect(some, some) is not None
    assert holdout_effect(some[1:], some) is None
    assert holdout_effect([*some[1:], (0.0, 0.0)], some) is None
    assert holdout_effect([(0.0, 10.0)] * 30, [(0.0, 10.0)] * 30) is None
