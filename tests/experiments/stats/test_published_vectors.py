"""Numbers from the statistics test suites of GrowthBook and PostHog, all within 2e-5.

GrowthBook: `packages/stats/tests/frequentist/test_tests.py` and `bayesian/test_tests.py`.
PostHog: `products/experiments/stats/tests/test_frequentist.py` and `test_bayesian.py`.
"""

from collections.abc import Callable
from functools import partial

import pytest

from experiments.stats.bayesian import Prior, bayesian_summary
from experiments.stats.estimands import Estimand, Mean, Ratio, adjust
from experiments.stats.estimates import absolute_effect, relative_effect
from experiments.stats.inference import Alternative, Conclusion, Method, fixed_inference
from experiments.stats.moments import ArmMoments, arm_from_sums, mean_arm, proportion_arm, ratio_arm, stratify_arms
from experiments.stats.sequential import always_valid_inference

close = partial(pytest.approx, abs=2e-5)
# GrowthBook
SMALL = (mean_arm(3407, 1396.87, 52377.9767), mean_arm(3461, 2422.7, 134698.29))
WIDE = (mean_arm(3000, 1396.87, 52377.9767), mean_arm(3461, 2422.7, 134698.29))
GREATER, LESS = Alternative.GREATER, Alternative.LESS


def relative(
    arms: tuple[ArmMoments, ArmMoments], method: Method = fixed_inference, estimand: Estimand | None = None
) -> Conclusion:
    return method(relative_effect(*arms, estimand or Mean()))


def absolute(
    arms: tuple[ArmMoments, ArmMoments], method: Method = fixed_inference, estimand: Estimand | None = None
) -> Conclusion:
    return method(absolute_effect(*arms, estimand or Mean()))


Effect = Callable[[tuple[ArmMoments, ArmMoments], Method], Conclusion]


def assert_conclusion(conclusion: Conclusion, *, value: float, ci: tuple[float, float], p: float, error: float) -> None:
    assert conclusion.estimate.value == close(value)
    assert conclusion.estimate.standard_error == close(error)
    assert (conclusion.low, conclusion.high) == close(ci)
    assert conclusion.p_value == close(p)


def adjusted_ratio_arms() -> tuple[ArmMoments, ArmMoments]:
    """Variables: numerator and denominator after, numerator and denominator before."""
    control = arm_from_sums(
        100,
        [485.112236689623, 679.9093275844917, 192.59138069991536, 290.1398399750233],
        [
            [2715.484666118136, 3602.146836776702, 1113.6215759318352, 1559.2878434944676],
            [3602.146836776702, 4939.424001640236, 1460.3181079276983, 2130.9404074446747],
            [1113.6215759318352, 1460.3181079276983, 460.076026390857, 634.239482353647],
            [1559.2878434944676, 2130.9404074446747, 634.239482353647, 920.9461385038898],
        ],
    )
    treatment = arm_from_sums(
        100,
        [514.7757826608777, 705.4090874383759, 206.94157227402536, 302.54389139107326],
        [
            [2994.897482705013, 3918.1561431600717, 1237.0953021125997, 1701.0287270040265],
            [3918.1561431600717, 5291.36604146392, 1604.0759503266522, 2292.081739775257],
            [1237.0953021125997, 1604.0759503266522, 514.2903702246757, 698.4173425817908],
            [1701.0287270040265, 2292.081739775257, 698.4173425817908, 994.4506208125663],
        ],
    )
    return control, treatment


def adjusted_mean_arms() -> tuple[ArmMoments, ArmMoments]:
    control = arm_from_sums(3000, [1396.87, 16.87], [[52377.9767, 1], [1, 527.9767]])
    return control, arm_from_sums(3461, [2422.7, 22.7], [[134698.29, 1], [1, 1348.29]])


def test_growthbook_two_sided_mean() -> None:
    assert_conclusion(relative(SMALL), value=0.70732, ci=(-0.03526, 1.44989), p=0.06191, error=0.37879)
    assert_conclusion(absolute(SMALL), value=0.29, ci=(0.04538, 0.53462), p=0.02016, error=0.12478)


def test_growthbook_two_sided_proportion() -> None:
    arms = proportion_arm(28, 14), proportion_arm(30, 16)

    assert_conclusion(relative(arms), value=0.06667, ci=(-0.47767, 0.61101), p=0.80707, error=0.2717)


def test_growthbook_cuped_ratio() -> None:
    arms = adjusted_ratio_arms()
    estimand = adjust(Ratio(0, 1), Ratio(2, 3), arms)
    sequential = partial(always_valid_inference, n_star=5_000)

    assert_conclusion(
        relative(arms, estimand=estimand), value=-0.0007, ci=(-0.00841, 0.00700), p=0.85771, error=0.00391
    )
    assert_conclusion(relative(arms, sequential, estimand), value=-0.0007, ci=(-0.02063, 0.01923), p=1, error=0.00391)


def test_growthbook_sequential() -> None:
    by_1000, by_5000 = (partial(always_valid_inference, n_star=n) for n in (1_000, 5_000))
    proportions = proportion_arm(3000, 1396), proportion_arm(3461, 2422)
    adjusted = adjusted_mean_arms()

    assert_conclusion(relative(WIDE, by_1000), value=0.50336, ci=(-0.55844, 1.56516), p=1, error=0.33341)
    assert_conclusion(relative(proportions, by_5000), value=0.50386, ci=(0.40098, 0.60675), p=0, error=0.03386)
    assert_conclusion(
        relative(adjusted, by_5000, adjust(Mean(0), Mean(1), adjusted)),
        value=0.50338,
        ci=(-0.50969, 1.51646),
        p=1,
        error=0.33341,
    )


@pytest.mark.parametrize(
    ("effect", "alternative", "bound", "p"),
    [
        (relative, GREATER, -0.045136675850396046, 0.06558262868467746),
        (absolute, GREATER, 0.020791480063255735, 0.03554272489873023),
        (relative, LESS, 1.0518588475628676, 0.9344173713153225),
        (absolute, LESS, 0.44796185327007765, 0.9644572751012698),
    ],
)
def test_growthbook_one_sided(effect: Effect, alternative: Alternative, bound: float, p: float) -> None:
    conclusion = effect(WIDE, partial(fixed_inference, alternative=alternative))

    assert (conclusion.low if alternative is GREATER else conclusion.high) == close(bound)
    assert conclusion.p_value == close(p)


@pytest.mark.parametrize(
    ("effect", "alternative", "bound"),
    [
        (relative, GREATER, -0.42356454602790883),
        (absolute, GREATER, -0.12656844172804982),
        (relative, LESS, 1.4302867177403806),
        (absolute, LESS, 0.5953217750613832),
    ],
)
def test_growthbook_sequential_one_sided(effect: Effect, alternative: Alternative, bound: float) -> None:
    conclusion = effect(WIDE, partial(always_valid_inference, alternative=alternative, n_star=5_000))

    assert (conclusion.low if alternative is GREATER else conclusion.high) == close(bound)


def test_growthbook_sequential_one_sided_p() -> None:
    """There it is searched for in steps of about 1e-4; here it is solved for."""
    conclusion = absolute(WIDE, partial(always_valid_inference, alternative=GREATER, n_star=5_000))

    assert conclusion.p_value == pytest.approx(0.46316491943359384, abs=2e-4)


@pytest.mark.parametrize(
    ("arms", "prior", "value", "ci", "chance", "risk"),
    [
        (
            (proportion_arm(100, 49), proportion_arm(100, 51)),
            None,
            0.04082,
            (-0.24779, 0.32943),
            0.60918,
            (0.0814, 0.04058),
        ),
        (
            (mean_arm(10, 100, 1002.25), mean_arm(10, 105, 1111.5)),
            None,
            0.05,
            (-0.02, 0.12),
            0.91923,
            (0.05131, 0.00131),
        ),
        (
            (mean_arm(10, 100, 1002.25), mean_arm(10, 105, 1111.5)),
            Prior(0.1, 0.1),
            0.05063,
            (-0.01893, 0.12019),
            0.92315,
            (0.05186, 0.00123),
        ),
    ],
)
def test_growthbook_bayesian(
    arms: tuple[ArmMoments, ArmMoments],
    prior: Prior | None,
    value: float,
    ci: tuple[float, float],
    chance: float,
    risk: tuple[float, float],
) -> None:
    summary = bayesian_summary(relative_effect(*arms, Mean()), prior=prior)

    assert summary.mean == close(value)
    assert (summary.low, summary.high) == close(ci)
    assert summary.chance_to_win == close(chance)
    assert (summary.risk_of_control, summary.risk_of_treatment) == close(risk)


# `packages/stats/tests/frequentist/test_post_strat.py`: n, Σx, Σx² of control and treatment in five strata.
STRATA = [
    ((21, 330.0696210595999, 5377.811252605509), (42, 708.1220000911836, 12249.255519049513)),
    ((65, 1391.96628040659, 30546.63404187155), (75, 1807.4703052657744, 45000.287664918586)),
    ((102, 2916.824124651419, 86396.06886690554), (101, 3104.5399914554023, 98365.40553530994)),
    ((151, 5172.587929941052, 182453.04528037464), (121, 4613.696610070716, 180520.64781229294)),
    ((160, 6539.348445231273, 274981.98909352464), (162, 7431.953259880505, 349244.6690736718)),
]


def test_growthbook_strata() -> None:
    """Effects are the same. There the shares of strata are random; here they are taken as they are.

    The difference is the variance of the effects between strata over n.
    """
    strata = [(mean_arm(*control), mean_arm(*treatment)) for control, treatment in STRATA]
    control, treatment = stratify_arms(strata)
    effect = absolute_effect(control, treatment, Mean())
    shares = [(a.n + b.n) / effect.n for a, b in strata]
    effects = [absolute_effect(a, b, Mean()).value for a, b in strata]
    between = sum(share * (one - effect.value) ** 2 for share, one in zip(shares, effects, strict=True))

    assert effect.value == close(3.548094377986586)
    assert (effect.standard_error**2 + between / effect.n) ** 0.5 == close(0.37634374823059685)
    assert relative_effect(control, treatment, Mean()).value == close(0.10994584851937336)


def test_posthog_mean() -> None:
    conclusion = relative((mean_arm(2507, 1196.87, 37377.9767), mean_arm(2461, 1922.7, 94698.29)))

    # Printed with five digits, compared there to four places.
    assert conclusion.estimate.value == pytest.approx(0.63646, abs=5e-5)
    assert conclusion.p_value == pytest.approx(0.08487, abs=5e-5)
    assert (conclusion.low, conclusion.high) == pytest.approx((-0.0875, 1.36048), abs=5e-5)


def test_posthog_proportion() -> None:
    conclusion = relative((proportion_arm(1529, 87), proportion_arm(1471, 62)))

    assert conclusion.estimate.value == close(-0.25925)
    assert conclusion.p_value == pytest.approx(0.030960, abs=5e-5)
    assert (conclusion.low, conclusion.high) == pytest.approx((-0.49475, -0.02376), abs=5e-5)


def test_posthog_ratio() -> None:
    treatment = ratio_arm(
        2034, numerator=(99673.9364269569, 11298745.182728939), denominator=(947, 947), product=99673.9364269569
    )
    control = ratio_arm(
        1966, numerator=(94605.79858780127, 10463129.505392816), denominator=(936, 936), product=94605.79858780127
    )
    conclusion = relative((control, treatment), estimand=Ratio())

    assert conclusion.estimate.value == close(0.041333)
    assert conclusion.p_value == close(0.0032826)
    assert (conclusion.low, conclusion.high) == pytest.approx((0.01378609, 0.0689), abs=5e-5)


def test_posthog_bayesian() -> None:
    arms = mean_arm(2507, 1196.87, 37377.9767), mean_arm(2461, 1922.7, 94698.29)
    summary = bayesian_summary(relative_effect(*arms, Mean()))

    assert summary.mean == pytest.approx(0.63646, abs=5e-5)
    assert (summary.low, summary.high) == pytest.approx((-0.0873, 1.36026), abs=5e-5)
    assert summary.chance_to_win == close(0.95759)
