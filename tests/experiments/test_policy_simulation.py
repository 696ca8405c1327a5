"""The benchmark of policies, small: no effect hardly ships, harm is rolled back, a losing arm is never chosen."""

from collections import Counter

import numpy as np
import pytest

from bench._experiment_worlds import WORLDS, World
from bench.experiment_policies import ends_of, figures_of, margin_of, planned_lift
from experiments.stats.power import InferenceKind

QUICK = [world for world in WORLDS if world.name in ("normal", "conversion 1 %")]


@pytest.mark.parametrize("inference", InferenceKind)
def test_without_an_effect_hardly_anything_ships(inference: InferenceKind) -> None:
    ends = ends_of(QUICK[0], np.random.default_rng(3), 400, inference, goal=0.0, guardrail=0.0)
    actions = Counter(end.action for end in ends)

    assert actions["ship"] + actions["none"] <= 0.05 * len(ends)
    assert actions["roll_back"] <= 0.02 * len(ends)


@pytest.mark.parametrize("world", QUICK, ids=lambda world: world.name)
def test_a_losing_arm_never_ships_and_harm_is_rolled_back(world: World) -> None:
    rng, always_valid = np.random.default_rng(4), InferenceKind.ALWAYS_VALID
    lift, harm = planned_lift(world), -margin_of(world) - 3 * planned_lift(world)

    losing = ends_of(world, rng, 100, always_valid, goal=-lift, guardrail=0.0)
    harmful = ends_of(world, rng, 100, always_valid, goal=2 * lift, guardrail=harm)

    assert {end.action for end in losing} <= {"stop_futile", "stop_at_maximum", "roll_back"}
    assert Counter(end.action for end in harmful)["roll_back"] >= 97
    assert np.mean([end.day for end in harmful]) < 7  # nothing waits for the minimum runtime


def test_each_figure_has_a_name_of_its_own_and_those_with_a_bar_meet_it() -> None:
    figures = list(figures_of(QUICK[1], np.random.default_rng(5), 60))

    assert len({one.name for one in figures}) == len(figures)
    assert [one.name for one in figures if not one.is_met] == []
