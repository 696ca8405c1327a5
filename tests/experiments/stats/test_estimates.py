"""The delta-method estimator: against raw data, against tea-tasting, and by its properties."""

from math import inf, isnan

import numpy as np
import pyarrow as pa
import pytest
import tea_tasting as tt
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats.estimands import Estimand, Mean, Ratio, adjust
from experiments.stats.estimates import (
    Estimate,
    absolute_effect,
    add_estimates,
    arm_estimate,
    relative_effect,
)
from experiments.stats.inference import Comparison, compare, fixed_inference
from experiments.stats.moments import ArmMoments, Floats, arm_from_sums, merge_arms, proportion_arm, stratify_arms


def arm_of(table: Floats) -> ArmMoments:
    """Return the arm of float[n, k]."""
    return arm_from_sums(len(table), table.sum(axis=0).tolist(), (table.T @ table).tolist())


def shop(seed: int, n: int, lift: float = 0.0) -> Floats:
    """Return for each shopper revenue, orders, revenue before and orders before."""
    rng = np.random.default_rng(seed)
    taste = rng.gamma(2.0, 1.0, n)
    orders, before = rng.poisson(taste), rng.poisson(taste)
    prices = rng.lognormal(2, 0.5, (2, n))
    return np.stack([orders * prices[0] + lift, orders, before * prices[1], before], axis=1).astype(np.float64)


CONTROL, TREATMENT = shop(1, 900), shop(2, 1_100, lift=0.8)
ARMS = arm_of(CONTROL), arm_of(TREATMENT)


def in_tea_tasting(metric: "tt.metrics.MetricBase[object]") -> "tuple[float, float, float, float]":
    """Return effect, interval and p-value of the metric."""
    table = np.vstack([CONTROL, TREATMENT])
    names = ["revenue", "orders", "revenue_before", "orders_before"]
    data = pa.table(
        {"variant": [0] * len(CONTROL) + [1] * len(TREATMENT)} | dict(zip(names, table.T.tolist(), strict=True))
    )
    result = tt.Experiment(metric=metric).analyze(data)["metric"]
    return result.effect_size, result.effect_size_ci_lower, result.effect_size_ci_upper, result.pvalue


@pytest.mark.parametrize(
    ("metric", "estimand"),
    [
        (tt.Mean("revenue"), Mean(0)),
        (tt.RatioOfMeans("revenue", "orders"), Ratio(0, 1)),
        (tt.Mean("revenue", "revenue_before"), adjust(Mean(0), Mean(2), ARMS)),
    ],
)
def test_tea_tasting_agrees(metric: "tt.metrics.MetricBase[object]", estimand: Estimand) -> None:
    conclusion = fixed_inference(absolute_effect(*ARMS, estimand))

    ours = conclusion.estimate.value, conclusion.low, conclusion.high, conclusion.p_value

    assert ours == pytest.approx(in_tea_tasting(metric), rel=1e-9)


def test_tea_tasting_agrees_on_ratios_with_a_covariate() -> None:
    """θ is taken over the arms joined there, and summed over arms here: equal but for the difference of arms."""
    metric = tt.RatioOfMeans("revenue", "orders", "revenue_before", "orders_before")
    conclusion = fixed_inference(absolute_effect(*ARMS, adjust(Ratio(0, 1), Ratio(2, 3), ARMS)))

    effect, low, high, _ = in_tea_tasting(metric)

    assert conclusion.estimate.value == pytest.approx(effect, abs=0.02 * (high - low))
    assert conclusion.high - conclusion.low == pytest.approx(high - low, rel=0.01)


def test_the_variance_of_a_ratio_is_the_formula() -> None:
    means, covariance = CONTROL.mean(axis=0), np.cov(CONTROL.T)
    m, d = means[:2]
    expected = (covariance[0, 0] / d**2 + covariance[1, 1] * m**2 / d**4 - 2 * covariance[0, 1] * m / d**3) / len(
        CONTROL
    )

    assert arm_estimate(ARMS[0], Ratio()).standard_error ** 2 == pytest.approx(expected, rel=1e-12)


def test_the_variance_of_an_adjusted_mean_is_the_formula() -> None:
    adjusted = adjust(Mean(0), Mean(2), ARMS)
    joined = np.cov(np.vstack([CONTROL, TREATMENT]).T)
    covariance = np.cov(CONTROL.T)
    theta = joined[0, 2] / joined[2, 2]
    expected = covariance[0, 0] + theta**2 * covariance[2, 2] - 2 * theta * covariance[0, 2]

    assert adjusted.theta == pytest.approx(theta, rel=1e-9)
    assert arm_estimate(ARMS[0], adjusted).standard_error ** 2 == pytest.approx(expected / len(CONTROL), rel=1e-9)


def test_theta_of_ratios_is_summed_over_the_arms() -> None:
    products, squares = 0.0, 0.0
    for table in (CONTROL, TREATMENT):
        revenue, orders, before, orders_before = table.mean(axis=0)
        post = (table[:, 0] - revenue / orders * table[:, 1]) / orders
        pre = (table[:, 2] - before / orders_before * table[:, 3]) / orders_before
        products += np.cov(post, pre)[0, 1]
        squares += pre.var(ddof=1)

    assert adjust(Ratio(0, 1), Ratio(2, 3), ARMS).theta == pytest.approx(products / squares, rel=1e-9)


def test_a_covariate_without_spread_adjusts_nothing() -> None:
    flat = CONTROL.copy()
    flat[:, 2] = 5.0
    arm = arm_of(flat)

    assert adjust(Mean(0), Mean(2), [arm, arm]).theta == pytest.approx(0, abs=1e-6)


tables = st.lists(st.tuples(st.floats(-50, 50), st.floats(0.5, 50)), min_size=3, max_size=30)


@given(first=tables, second=tables)
def test_merged_arms_are_the_arm_of_all_units(
    first: list[tuple[float, float]], second: list[tuple[float, float]]
) -> None:
    merged = merge_arms([arm_of(np.array(first)), arm_of(np.array(second))])
    whole = arm_of(np.array(first + second))

    assert merged.n == whole.n
    assert merged.means == pytest.approx(whole.means, abs=1e-9)
    assert np.array(merged.covariance) == pytest.approx(np.array(whole.covariance), abs=1e-6)


@given(scale=st.floats(0.01, 1_000))
def test_the_decision_does_not_depend_on_the_unit(scale: float) -> None:
    def scaled(table: Floats) -> ArmMoments:
        return arm_of(table * np.array([scale, 1.0, scale, 1.0]))

    plain = compare(*ARMS, Mean(), fixed_inference)
    other = compare(scaled(CONTROL), scaled(TREATMENT), Mean(), fixed_inference)

    assert other.absolute.p_value == pytest.approx(plain.absolute.p_value, rel=1e-6)
    assert other.absolute.low == pytest.approx(plain.absolute.low * scale, rel=1e-6)
    assert other.relative.low == pytest.approx(plain.relative.low, rel=1e-6)
    assert other.is_significant == plain.is_significant


def test_the_absolute_effect_decides_where_the_relative_interval_disagrees() -> None:
    """The linear relative interval of the first published vector holds 0, the absolute one does not."""
    control = arm_from_sums(3407, [1396.87], [[52377.9767]])
    treatment = arm_from_sums(3461, [2422.7], [[134698.29]])

    comparison = compare(control, treatment, Mean(), fixed_inference)

    assert not comparison.relative.is_significant
    assert comparison.is_significant


def drifting_epochs(*, effect: float) -> list[tuple[ArmMoments, ArmMoments]]:
    """Return two epochs: 10 % then 50 % in treatment, while conversion rises from 5 % to 10 %."""
    epochs = []
    for base, sizes in ((0.05, (90_000, 10_000)), (0.10, (50_000, 50_000))):
        control = proportion_arm(sizes[0], sizes[0] * base)
        epochs.append((control, proportion_arm(sizes[1], sizes[1] * (base + effect))))
    return epochs


def stratified_effect(epochs: list[tuple[ArmMoments, ArmMoments]]) -> Estimate:
    control, treatment = stratify_arms(epochs)
    return absolute_effect(control, treatment, Mean())


def test_a_ramp_under_a_trend_is_unbiased_by_epoch() -> None:
    epochs = drifting_epochs(effect=0.0)
    pooled = [merge_arms(arms) for arms in zip(*epochs, strict=True)]

    stratified = stratified_effect(epochs)

    assert stratified.value == pytest.approx(0, abs=1e-12)
    assert absolute_effect(pooled[0], pooled[1], Mean()).value > 0.02
    planted = stratified_effect(drifting_epochs(effect=0.01))
    assert planted.value == pytest.approx(0.01)


def test_the_stratified_error_is_that_of_the_weighted_sum() -> None:
    epochs = drifting_epochs(effect=0.0)
    effects = [absolute_effect(*arms, Mean()) for arms in epochs]

    expected = add_estimates(effects, [0.5, 0.5])
    stratified = stratified_effect(epochs)

    assert stratified.standard_error == pytest.approx(expected.standard_error, rel=1e-12)
    assert stratified.n == expected.n


def test_an_epoch_without_one_arm_is_left_out() -> None:
    epochs = drifting_epochs(effect=0.0)
    alone = (proportion_arm(1_000, 900), proportion_arm(0, 0))

    assert stratify_arms([*epochs, alone]) == stratify_arms(epochs)
    with pytest.raises(ValueError, match="epoch"):
        stratify_arms([alone])


def test_one_epoch_needs_no_strata() -> None:
    (stratified,) = stratify_arms([[ARMS[0]]])

    assert np.array(stratified.covariance) == pytest.approx(np.array(ARMS[0].covariance))


def concludes_nothing(comparison: Comparison) -> bool:
    return comparison.absolute.p_value == 1 and (comparison.absolute.low, comparison.absolute.high) == (-inf, inf)


def test_too_little_data_concludes_nothing() -> None:
    one, empty = arm_from_sums(1, [3.0], [[9.0]]), arm_from_sums(0, [0.0], [[0.0]])
    flat = arm_from_sums(5, [5.0], [[5.0]])

    for control, treatment in ((one, flat), (empty, empty), (flat, flat)):
        assert concludes_nothing(compare(control, treatment, Mean(), fixed_inference))
    assert isnan(relative_effect(arm_of(CONTROL * 0), ARMS[1], Mean()).value)
    assert concludes_nothing(compare(arm_of(CONTROL * 0), ARMS[1], Ratio(), fixed_inference))


def test_sums_that_are_refused() -> None:
    with pytest.raises(ValueError, match="arm"):
        arm_from_sums(-1, [0.0], [[0.0]])
    with pytest.raises(ValueError, match="arm"):
        arm_from_sums(2, [0.0], [[0.0, 1.0]])
    with pytest.raises(ValueError, match="no arm"):
        merge_arms([])
