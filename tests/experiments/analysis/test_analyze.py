"""Results of whole experiments: epochs, groups, days, multivariate designs, health, cut values, ended tests."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from experiments.analysis.plan import Plan
from experiments.design import Arm
from experiments.metrics.base import Metric
from experiments.metrics.registry import REVENUE
from experiments.stats.estimands import Mean
from experiments.stats.estimates import absolute_effect
from experiments.stats.moments import arm_from_sums
from experiments.stats.power import InferenceKind, minimum_effect, required_drift
from experiments.stats.sequential import always_valid_inference
from experiments.stats.srm import sequential_srm, srm_check
from tests.experiments.analysis.units import (
    AT,
    TWO_ARMS,
    Units,
    between,
    cells_of,
    first,
    goal,
    moments,
    numbers,
    plan_with,
    read,
    spenders,
)

CUT = Metric("cut_revenue", "Cut revenue", "mean", REVENUE, display="money", winsor_share=0.99)


def ramped(seed: int) -> tuple[Plan, list[Units]]:
    """A ramp from 10 % to 90 % while everybody spends more from epoch to epoch; the arms do not differ."""
    shares = {1: 0.1, 2: 0.5, 3: 0.9}
    weights = {epoch: {"control": 1 - share, "warm": share} for epoch, share in shares.items()}
    units = [
        spenders(arm, round(3_000 * weight), mean=10.0 + 2 * epoch, seed=10 * seed + epoch, epoch=epoch)
        for epoch, each in weights.items()
        for arm, weight in each.items()
    ]
    return plan_with(("revenue_per_visitor", "goal"), weights=weights), units


def test_a_ramp_under_a_trend_shows_no_effect_by_epoch_and_the_pooled_one_beside() -> None:
    results = [read(plan, *units) for plan, units in map(ramped, range(40))]

    stratified = np.array([numbers(first(one).absolute)[0] for one in results])
    pooled = np.array([numbers(first(one).pooled)[0] for one in results])
    error = stratified.std(ddof=1) / np.sqrt(len(stratified))
    assert abs(stratified.mean()) < 3 * error
    assert error < 0.05
    assert pooled.mean() > 1.0
    assert not any(first(one).is_significant for one in results)
    assert not any(one.health.is_mismatch for one in results), "every epoch has weights of its own"
    assert numbers(first(results[0]).pooled)[1] > 0, "the pooled interval would claim an effect"


def test_a_unit_that_switched_is_counted_and_not_analyzed() -> None:
    plan = plan_with(("revenue_per_visitor", "goal"))

    results = read(plan, spenders("control", 1_000, quarantined=5), spenders("warm", 1_000, quarantined=30))

    assert [(one.units, one.quarantined) for one in results.arms] == [(1_000, 5), (1_000, 30)]
    assert results.health.switch_share == pytest.approx(35 / 2_035)
    assert results.health.has_switchers
    assert results.health.warnings == ("1.7 % of the units saw more than one arm; they are not analyzed.",)


def test_a_mismatch_makes_results_unhealthy() -> None:
    plan = plan_with(("revenue_per_visitor", "goal"))

    results = read(plan, spenders("control", 5_000), spenders("warm", 4_300, mean=15.0))

    assert results.level == "unhealthy"
    assert results.verdict == (
        "Nothing may be concluded: Control has 53.8 % of the units instead of 50.0 %,"
        " so units are lost or counted wrongly."
    )
    assert results.health.srm_p_value == pytest.approx(sequential_srm([[5_000, 4_300]], [[0.5, 0.5]]).p_value)


def test_the_p_value_that_is_printed_decides() -> None:
    """χ² holds for one look, so it decides only after the end."""
    units = spenders("control", 5_000), spenders("warm", 4_660)
    plan = plan_with(("revenue_per_visitor", "goal"))

    running = read(plan, *units).health
    ended = read(plan_with(("revenue_per_visitor", "goal"), status="stopped", ended_at=AT), *units).health

    assert running.srm_p_value == pytest.approx(sequential_srm([[5_000, 4_660]], [[0.5, 0.5]]).p_value)
    assert (running.srm_p_value > 0.001, running.is_mismatch) == (True, False)
    assert ended.srm_p_value == pytest.approx(srm_check([[5_000, 4_660]], [[0.5, 0.5]]).p_value)
    assert (ended.srm_p_value < 0.001, ended.is_mismatch) == (True, True)


def test_sizes_are_compared_with_the_buckets_of_the_arms() -> None:
    """Thirds of 1 % of all buckets are 34, 33 and 33 of them."""
    arms = tuple(Arm(key, key.title(), 1 / 3) for key in ("control", "warm", "cold"))
    plan = plan_with(("revenue_per_visitor", "goal"), arms=arms)
    narrow = replace(plan, design=replace(plan.design, coverage=0.01))
    units = spenders("control", 68_000), spenders("warm", 66_000), spenders("cold", 66_000)

    results = read(narrow, *units)

    assert [one.planned_share for one in results.arms] == [0.34, 0.33, 0.33]
    assert not results.health.is_mismatch
    assert read(plan, *units).health.is_mismatch


@pytest.mark.parametrize("inference", InferenceKind)
def test_the_chance_to_win_says_what_the_interval_says(inference: InferenceKind) -> None:
    plan = plan_with(("revenue_per_visitor", "goal"), inference=inference, planned_units=2_000, planned_looks=2)
    for mean in np.linspace(9.6, 10.6, 11).tolist():
        one = first(read(plan, spenders("control", 1_000), spenders("warm", 1_000, mean=mean), is_look=True))
        assert one.chance_to_win is not None
        is_beyond = one.chance_to_win > 0.975 or one.chance_to_win < 0.025
        assert is_beyond == one.absolute.excludes_zero


def test_there_is_no_chance_to_win_before_the_first_planned_look() -> None:
    plan = plan_with(("revenue_per_visitor", "goal"), inference=InferenceKind.GROUP_SEQUENTIAL, planned_units=2_000)

    one = first(read(plan, spenders("control", 1_000), spenders("warm", 1_000)))

    assert (one.chance_to_win, one.risk, one.absolute.low) == (None, None, None)


def test_arms_that_differed_before_are_imbalanced() -> None:
    def with_past(arm: str, past: float) -> Units:
        one = spenders(arm, 2_000)
        before: Any = REVENUE.before
        return replace(one, values={**one.values, before: np.random.default_rng(2).normal(past, 4.0, 2_000)})

    plan = plan_with(("revenue_per_visitor", "goal"))

    assert not read(plan, with_past("control", 20.0), with_past("warm", 20.1)).health.is_imbalanced
    biased = read(plan, with_past("control", 20.0), with_past("warm", 22.0))
    assert biased.health.is_imbalanced
    assert "The arms differed before the experiment already" in biased.health.warnings[0]


def test_an_aa_test_says_so() -> None:
    arms = (Arm("a", "A", 0.5, {"color": "red"}), Arm("b", "B", 0.5, {"color": "red"}))
    plan = plan_with(("revenue_per_visitor", "goal"), arms=arms)

    results = read(plan, spenders("a", 1_000), spenders("b", 1_000))

    assert results.level == "no_difference"
    assert results.health.warnings == ("All arms are the same: this is an A/A test of the measuring itself.",)


def test_arms_without_payload_are_no_aa_test() -> None:
    arms = (Arm("a", "A", 0.5), Arm("b", "B", 0.5))
    plan = plan_with(("revenue_per_visitor", "goal"), arms=arms)

    assert read(plan, spenders("a", 1_000), spenders("b", 1_000)).health.warnings == ()


def by_device(arm: str, mean: float, days: list[str]) -> Units:
    n = 300 * len(days)
    groups = {
        "device": ["mobile"] * (n // 3) + ["desktop"] * (n - n // 3),
        "visitor": ["new", "returning"] * (n // 2),
        "day": [day for day in days for _ in range(300)],
    }
    return spenders(arm, n, mean=mean, groups=groups)


def test_groups_days_and_windows_equal_the_scalar_analysis_of_their_units() -> None:
    days = [(AT - timedelta(days=back)).date().isoformat() for back in (40, 9, 5, 0)]
    plan = plan_with(("revenue_per_visitor", "goal"), planned_units=5_000)
    arms = by_device("control", 10.0, days), by_device("warm", 10.5, days)

    result = goal(read(plan, *arms))

    def expected(choose: Any) -> tuple[float, float, float]:
        parts = [replace(one, values={REVENUE: one.values[REVENUE][choose(one)]}) for one in arms]
        estimate = between(parts)
        conclusion = always_valid_inference(estimate, n_star=10_000)
        return conclusion.estimate.value, conclusion.low, conclusion.high

    assert [(one.dimension, [group.value for group in one.groups]) for one in result.breakdowns] == [
        ("device", ["desktop", "mobile"]),
        ("visitor", ["new", "returning"]),
    ]
    mobile = result.breakdowns[0].groups[1]
    assert numbers(mobile.comparisons[0].absolute) == pytest.approx(
        expected(lambda one: np.array(one.groups["device"]) == "mobile")
    )
    assert mobile.arms[0].units == 400
    assert [one.day.isoformat() for one in result.days] == days
    assert [one.arms[0].units for one in result.days] == [300] * 4
    until = result.days[1].cumulative[0].absolute
    assert numbers(until) == pytest.approx(expected(lambda one: np.isin(one.groups["day"], days[:2])))
    assert result.windows.keys() == {1, 7, 28}
    for length, last in ((1, days[3:]), (7, days[2:]), (28, days[1:])):
        window = result.windows[length][0].absolute
        assert numbers(window) == pytest.approx(expected(lambda one, last=last: np.isin(one.groups["day"], last)))


def test_a_rolling_window_claims_nothing_while_the_units_of_all_days_do() -> None:
    days = [(AT - timedelta(days=back)).date().isoformat() for back in (3, 2, 1, 0)]
    plan = plan_with(("revenue_per_visitor", "goal"), planned_units=1_200)

    result = goal(read(plan, by_device("control", 10.0, days), by_device("warm", 13.0, days)))

    assert [one.cumulative[0].is_significant for one in result.days] == [True] * 4
    assert {length: row[0].is_significant for length, row in result.windows.items()} == {1: False, 7: False, 28: False}
    assert numbers(result.windows[7][0].absolute)[1] > 0


def test_many_days_are_cut_and_still_add_up() -> None:
    days = [(AT - timedelta(days=back)).date().isoformat() for back in range(120, -1, -1)]
    plan = plan_with(("revenue_per_visitor", "goal"))

    result = goal(read(plan, by_device("control", 10.0, days), by_device("warm", 10.5, days)))

    assert len(result.days) == 90
    assert result.days[-1].cumulative[0].absolute.value == pytest.approx(result.comparisons[0].absolute.value)
    assert numbers(result.days[-1].cumulative[0].absolute) == pytest.approx(numbers(result.comparisons[0].absolute))


def test_quantiles_are_those_of_the_units() -> None:
    plan = plan_with(("revenue_per_visitor", "goal"))
    units = spenders("control", 4_000), spenders("warm", 4_000, epoch=1), spenders("control", 2_000, epoch=2)

    quantiles = goal(read(plan, *units)).arms[0].quantiles

    together = np.concatenate([units[0].values[REVENUE], units[2].values[REVENUE]])
    for share in (0.5, 0.9, 0.99):
        assert quantiles[share] == pytest.approx(np.quantile(together, share), rel=0.02)


def test_a_cut_metric_is_cut_alike_in_all_arms() -> None:
    plan = plan_with((CUT, "goal"))
    units = [spenders("control", 4_000), spenders("warm", 4_000)]
    for one in units:
        one.values[REVENUE][:3] = 50_000.0

    result = first(read(plan, *units))

    limit = np.quantile(np.concatenate([one.values[REVENUE] for one in units]), 0.99)
    arms = [moments(replace(one, values={REVENUE: np.minimum(one.values[REVENUE], limit)})) for one in units]
    plain = absolute_effect(moments(units[0]), moments(units[1]), Mean())
    value, low, high = numbers(result.absolute)
    assert value == pytest.approx(absolute_effect(arms[0], arms[1], Mean()).value, abs=0.05)
    assert high - low < 0.1 * plain.standard_error


def test_where_few_buy_only_the_largest_amounts_are_cut() -> None:
    plan = plan_with((CUT, "goal"))
    units = [spenders("control", 40_000), spenders("warm", 40_000, mean=12.0)]
    for one in units:
        one.values[REVENUE][200:] = 0.0
        one.values[REVENUE][0] = 50_000.0

    result = goal(read(plan, *units))

    spent = np.concatenate([one.values[REVENUE] for one in units])
    limit = np.quantile(spent[spent != 0], 0.99)
    cut = [np.minimum(one.values[REVENUE], limit).mean() for one in units]
    assert np.quantile(spent, 0.99) == 0
    assert [one.value for one in result.arms] == pytest.approx(cut, rel=0.02)


def test_a_cut_metric_has_groups_and_days_too() -> None:
    days = [(AT - timedelta(days=back)).date().isoformat() for back in (3, 0)]
    plan = plan_with((CUT, "goal"))

    result = goal(read(plan, by_device("control", 10.0, days), by_device("warm", 10.5, days)))

    assert result.breakdowns[0].groups[0].comparisons[0].absolute.low is not None
    assert numbers(result.days[-1].cumulative[0].absolute) == pytest.approx(
        numbers(result.comparisons[0].absolute), rel=0.02
    )


def test_a_guardrail_is_breached_and_its_margin_is_a_share_of_the_control() -> None:
    plan = plan_with(("conversion_rate", "goal"), ("revenue_per_visitor", "guardrail"), planned_units=5_000)

    results = read(plan, spenders("control", 4_000), spenders("warm", 4_000, mean=8.0))

    (rail,) = results.guardrails
    state = rail.comparisons[0].guardrail
    assert state is not None
    assert state.margin == pytest.approx(0.02 * (rail.arms[0].value or 0.0))
    assert state.is_breached
    assert results.level == "worse"


def test_a_test_without_prospects_is_futile() -> None:
    plan = plan_with(("revenue_per_visitor", "goal"), planned_units=2_000)

    results = read(plan, spenders("control", 1_500), spenders("warm", 1_500, mean=9.8))

    assert results.progress.information == 0.75
    assert results.progress.predictive_power is not None
    assert results.progress.predictive_power < 0.02
    assert results.progress.is_futile
    assert results.level == "futile"


def test_what_could_be_found_now_shrinks_with_the_units() -> None:
    plan = plan_with(("revenue_per_visitor", "goal"), planned_units=2_000)

    few = read(plan, spenders("control", 200), spenders("warm", 200)).progress.detectable_effect
    many = read(plan, spenders("control", 800), spenders("warm", 800)).progress.detectable_effect

    assert few is not None
    assert many is not None
    assert few == pytest.approx(2 * many, rel=0.15)


def test_what_could_be_found_now_follows_the_true_shares_of_the_arms() -> None:
    arms = (Arm("control", "Control", 0.9), Arm("warm", "Warm", 0.1, {"color": "red"}))
    plan = plan_with(("revenue_per_visitor", "goal"), arms=arms, planned_units=2_000)
    units = spenders("control", 3_600), spenders("warm", 400, seed=2)

    detectable = read(plan, *units).progress.detectable_effect

    control, warm = map(moments, units)
    variance, other = control.covariance[0][0], warm.covariance[0][0]
    uneven = replace(plan.analysis, shares=(0.9, 0.1))
    exact = minimum_effect(variance, 4_000, uneven, treatment_variance=other) / control.means[0]
    assert detectable == pytest.approx(exact, rel=1e-6)
    even = minimum_effect(variance, 4_000, plan.analysis) / control.means[0]
    assert detectable == pytest.approx(even * (0.25 / 0.09) ** 0.5, rel=0.03), "five thirds of what equal arms find"


def test_what_could_be_found_now_is_corrected_for_the_number_of_arms() -> None:
    arms = (Arm("control", "Control", 0.4), Arm("warm", "Warm", 0.4), Arm("cold", "Cold", 0.2))
    plan = plan_with(("revenue_per_visitor", "goal"), arms=arms, planned_units=1_000)
    units = spenders("control", 1_200), spenders("warm", 1_200, seed=2), spenders("cold", 600, seed=3)

    results = read(plan, *units)

    drift = required_drift(replace(plan.analysis, alpha=0.025))
    error = max(one.absolute.standard_error or 0.0 for one in goal(results).comparisons)
    control = goal(results).arms[0].value or 0.0
    assert results.progress.detectable_effect == pytest.approx(drift * error / control, rel=1e-6)


def test_an_arm_that_was_switched_off_does_not_cost_the_others_their_epoch() -> None:
    arms = (*TWO_ARMS, Arm("cold", "Cold", 0.0))
    weights = {1: {"control": 0.4, "warm": 0.4, "cold": 0.2}, 2: {"control": 0.5, "warm": 0.5, "cold": 0.0}}
    plan = plan_with(("revenue_per_visitor", "goal"), arms=arms, weights=weights)
    units = [
        *(spenders(arm, n) for arm, n in (("control", 800), ("warm", 800), ("cold", 400))),
        *(spenders(arm, 1_000, epoch=2, seed=2) for arm in ("control", "warm")),
    ]

    warm, cold = goal(read(plan, *units)).comparisons

    def error(n: int) -> float:
        return 4.0 * float(np.sqrt(2 / n))

    assert warm.absolute.standard_error == pytest.approx(error(1_800), rel=0.05)
    assert cold.absolute.standard_error == pytest.approx(4.0 * (1 / 800 + 1 / 400) ** 0.5, rel=0.05)


def test_an_empty_experiment_waits() -> None:
    plan = plan_with(("revenue_per_visitor", "goal"), ("average_order_value", "secondary"), planned_units=500)

    results = read(plan)

    assert (results.level, results.verdict) == ("waiting", "It is too early to say anything: Control has no unit.")
    assert goal(results).arms[0].value is None
    assert results.progress.information == 0


def test_products_stand_in_a_triangle() -> None:
    """The layout of cells is that of `arm_from_sums`, row by row."""
    plan = plan_with(("average_order_value", "goal"))
    one = spenders("control", 50)

    (cell,) = cells_of(plan, one)

    width = len(plan.variables)
    full = np.zeros((width, width))
    full[np.triu_indices(width)] = cell.products
    arm = arm_from_sums(50, list(cell.sums), (full + np.triu(full, 1).T).tolist())
    place = plan.places[REVENUE]
    assert arm.covariance[place][place] == pytest.approx(one.values[REVENUE].var(ddof=1))
