"""Early ends: what they save without an effect, what they cost with one."""

from math import sqrt

import numpy as np
import pytest
from scipy import special

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


@pytest.mark.parametrize("looks", [5, 50])
@pytest.mark.parametrize("kind", InferenceKind)
def test_who_reads_all_the_time_loses_no_more_power_than_promised(kind: InferenceKind, looks: int) -> None:
    plan = AnalysisPlan(kind, looks=looks)
    rule, drift, boundaries = planned_futility(plan), required_drift(plan), planned_boundaries(plan)
    rng, runs, steps = np.random.default_rng(1), 10_000, 2_000
    upper = dict(zip((round(steps * time) for time in boundaries.times), boundaries.upper, strict=True))
    score = special.ndtri(rule.threshold)
    path, won, is_futile, lost = np.zeros(runs), *np.zeros((3, runs), dtype=np.bool_)

    for step in range(1, steps + 1):
        time = step / steps
        path += drift / steps + rng.standard_normal(runs) / sqrt(steps)
        if step in upper:
            new = ~won & (path >= upper[step] * sqrt(time))
            won |= new
            lost |= new & is_futile
        if rule.first_time <= time < 1:
            is_futile |= ~won & (path < rule.final_bound * time + score * sqrt(time * (1 - time)))

    assert won.mean() == pytest.approx(0.8, abs=0.02)
    assert 0.005 < lost.mean() < 0.015 + 2 * sqrt(0.015 / runs)


def test_nothing_is_futile_before_the_first_planned_look() -> None:
    rule = planned_futility(AnalysisPlan(looks=10))

    assert not rule.is_futile(-8.0, 0.09)
    assert rule.is_futile(-8.0, 0.1)


def test_predictive_power() -> None:
    assert predictive_power(1.96 * sqrt(0.5), 0.5, 1.96) == pytest.approx(0.5)
    assert predictive_power(2.0, 1.0, 1.96) == 1
    assert predictive_power(1.9, 1.2, 1.96) == 0


def test_harm_is_futile_at_once() -> None:
    rule = planned_futility(AnalysisPlan())

    assert rule.is_futile(-3.0, 0.1)
    assert required_drift(AnalysisPlan()) > 3
