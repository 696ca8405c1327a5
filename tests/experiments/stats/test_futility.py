"""Early ends: what they save without an effect, what they cost with one."""

from math import sqrt

import pytest

from experiments.stats.futility import predictive_power, with_futility
from experiments.stats.power import AnalysisPlan, InferenceKind, planned_boundaries, planned_futility, required_drift


@pytest.mark.parametrize("kind", InferenceKind)
def test_no_effect_ends_early_and_little_power_is_lost(kind: InferenceKind) -> None:
    rule = planned_futility(AnalysisPlan(kind))

    assert rule.power_without_rule == pytest.approx(0.8, abs=1e-3)
    assert 0 < rule.power_without_rule - rule.power <= 0.02
    assert rule.time_without_effect <= 0.6
    assert rule.time_with_effect > rule.time_without_effect


@pytest.mark.parametrize("kind", InferenceKind)
def test_no_alpha_is_spent(kind: InferenceKind) -> None:
    boundaries = planned_boundaries(AnalysisPlan(kind))
    stopped = with_futility(boundaries, planned_futility(AnalysisPlan(kind)))

    assert stopped.power(0) < boundaries.power(0)
    assert stopped.upper == boundaries.upper


def test_the_rule_says_the_same_as_its_boundary() -> None:
    plan = AnalysisPlan(InferenceKind.GROUP_SEQUENTIAL)
    rule = planned_futility(plan)
    stopped = with_futility(planned_boundaries(plan), rule)

    bound, time = stopped.lower[24], stopped.times[24]

    assert rule.is_futile(bound - 0.01, time)
    assert not rule.is_futile(bound + 0.01, time)


def test_predictive_power() -> None:
    assert predictive_power(1.96 * sqrt(0.5), 0.5, 1.96) == pytest.approx(0.5)
    assert predictive_power(2.0, 1.0, 1.96) == 1
    assert predictive_power(1.9, 1.2, 1.96) == 0


def test_harm_is_futile_at_once() -> None:
    rule = planned_futility(AnalysisPlan())

    assert rule.is_futile(-3.0, 0.1)
    assert required_drift(AnalysisPlan()) > 3
