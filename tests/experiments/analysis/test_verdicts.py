"""The sentence of each level: what may be concluded now, with its numbers."""

from dataclasses import replace
from typing import Any

import pytest

from experiments.analysis.verdicts import Situation, Verdict, verdict_of
from experiments.analysis.words import percent
from experiments.design import Arm
from experiments.metrics.registry import METRICS
from experiments.results import (
    ArmComparison,
    ArmUnits,
    ArmValue,
    Effect,
    GuardrailState,
    Health,
    MetricResult,
    Progress,
    Role,
)
from experiments.stats.power import InferenceKind
from tests.experiments.analysis.units import TWO_ARMS, plan_with

HEALTHY = Health(0.6, False, 0.0, False, False, None)
MISMATCH = replace(HEALTHY, is_mismatch=True)
UNDERWAY = Progress(10.0, 4.0, 7, 28, 5_000, 0.7, 0.05, 0.5, False)
HELD_OUT = (Arm("held-out", "Without personalization", 0.1), Arm("personalized", "With personalization", 0.9))
THREE = (Arm("control", "Control", 0.4), Arm("warm", "Warm", 0.3), Arm("cold", "Cold", 0.3))


def comparison(low: float, high: float, *, arm: str = "warm", **more: Any) -> ArmComparison:
    """Return a comparison with this relative interval; the control's value is 10."""
    middle = (low + high) / 2
    share = Effect(middle, low, high)
    absolute = Effect(10 * middle, 10 * low, 10 * high)
    more = {"is_significant": low > 0 or high < 0, "is_better": middle > 0, **more}
    return ArmComparison(arm, absolute, share, 0.01, 0.01, **more)


def metric(*comparisons: ArmComparison, key: str = "revenue_per_visitor", role: Role = "goal") -> MetricResult:
    one = METRICS[key]
    values = (ArmValue("control", 3_500, 10.0),)
    return MetricResult(key, one.name, role, one.display, one.higher_is_better, values, comparisons)


def situation(*comparisons: ArmComparison, arms: tuple[Arm, ...] | None = None, **more: Any) -> Situation:
    design = {name: more.pop(name) for name in ("status", "kind", "payload_kind", "final_arm") if name in more}
    inference = more.pop("inference", InferenceKind.ALWAYS_VALID)
    plan = plan_with(("revenue_per_visitor", "goal"), arms=arms or TWO_ARMS, inference=inference, **design)
    units = tuple(ArmUnits(arm.key, arm.name, 3_500, 0.48, 0.5) for arm in plan.design.arms)
    values: dict[str, Any] = {
        "plan": plan,
        "units": units,
        "health": HEALTHY,
        "progress": UNDERWAY,
        "goal": metric(*comparisons),
        "guardrails": (),
        "is_readable": True,
        **more,
    }
    return Situation(**values)


def rail(low: float, high: float, state: GuardrailState) -> MetricResult:
    one = comparison(low, high, guardrail=state)
    return metric(one, key="add_to_cart_rate", role="guardrail")


BREACHED = GuardrailState(0.2, -0.9, -0.3, True, False)
HOLDING = GuardrailState(0.2, -0.1, 0.3, False, True)
OPEN = GuardrailState(0.2, -0.3, 0.3, False, False)

WIN = comparison(0.012, 0.05)
LOSS = comparison(-0.05, -0.012)
NOTHING = comparison(-0.012, 0.05)

SITUATIONS: list[tuple[str, Situation, Verdict]] = [
    ("draft", situation(NOTHING, status="draft"), Verdict("waiting", "The experiment has not started.")),
    (
        "a winner",
        situation(WIN),
        Verdict("better", "Revenue per visitor is 3.1 % higher (1.2 % to 5.0 %): ship it, or go on watching.", "warm"),
    ),
    (
        "a winner whose relative interval would contradict it",
        situation(replace(WIN, relative=Effect(1.45, -0.41, 3.31))),
        Verdict("better", "Revenue per visitor is 0.31 higher (0.12 to 0.5): ship it, or go on watching.", "warm"),
    ),
    (
        "nothing yet, though the relative interval would say so",
        situation(replace(NOTHING, relative=Effect(0.04, 0.01, 0.07))),
        Verdict(
            "undecided",
            "Nothing may be concluded about revenue per visitor yet: 0.19 higher (−0.12 to 0.5), about 4 days left.",
            "warm",
        ),
    ),
    (
        "a winner before the shortest runtime",
        situation(WIN, progress=replace(UNDERWAY, days=2.0)),
        Verdict(
            "better",
            "Revenue per visitor is 3.1 % higher (1.2 % to 5.0 %): ship it once it has run for 7 days.",
            "warm",
        ),
    ),
    (
        "a winner whose guardrail is open",
        situation(WIN, guardrails=(rail(-0.03, 0.03, OPEN),)),
        Verdict(
            "better",
            "Revenue per visitor is 3.1 % higher (1.2 % to 5.0 %): ship it once add-to-cart rate is known to hold.",
            "warm",
        ),
    ),
    (
        "a winner whose guardrail holds",
        situation(WIN, guardrails=(rail(-0.01, 0.03, HOLDING),)),
        Verdict("better", "Revenue per visitor is 3.1 % higher (1.2 % to 5.0 %): ship it, or go on watching.", "warm"),
    ),
    (
        "a winner that breaches a guardrail",
        situation(WIN, guardrails=(rail(-0.09, -0.03, BREACHED),)),
        Verdict(
            "worse",
            "Revenue per visitor is 3.1 % higher (1.2 % to 5.0 %), but add-to-cart rate is 6.0 % lower"
            " (−9.0 % to −3.0 %), beyond the harm that was allowed: roll it back.",
            "warm",
        ),
    ),
    (
        "a breach without a winner",
        situation(NOTHING, guardrails=(rail(-0.09, -0.03, BREACHED),)),
        Verdict(
            "worse",
            "Add-to-cart rate is 6.0 % lower (−9.0 % to −3.0 %), beyond the harm that was allowed: roll it back.",
            "warm",
        ),
    ),
    (
        "a loser",
        situation(LOSS),
        Verdict("worse", "Revenue per visitor is 3.1 % lower (−5.0 % to −1.2 %): roll it back."),
    ),
    (
        "nothing yet",
        situation(NOTHING),
        Verdict(
            "undecided",
            "Nothing may be concluded about revenue per visitor yet: 1.9 % higher (−1.2 % to 5.0 %),"
            " about 4 days left.",
            "warm",
        ),
    ),
    (
        "a loser beside an arm that is open",
        situation(LOSS, comparison(-0.012, 0.05, arm="cold"), arms=THREE),
        Verdict(
            "undecided",
            "Nothing may be concluded about revenue per visitor yet: Cold is 1.9 % higher (−1.2 % to 5.0 %),"
            " about 4 days left.",
            "cold",
        ),
    ),
    (
        "the better of two winners",
        situation(WIN, comparison(0.03, 0.07, arm="cold"), arms=THREE),
        Verdict(
            "better", "Cold: revenue per visitor is 5.0 % higher (3.0 % to 7.0 %): ship it, or go on watching.", "cold"
        ),
    ),
    (
        "futile",
        situation(NOTHING, progress=replace(UNDERWAY, is_futile=True, predictive_power=0.012)),
        Verdict(
            "futile",
            "An improvement of revenue per visitor can hardly be shown any more: 1.9 % higher (−1.2 % to 5.0 %),"
            " and the chance is 1.2 %.",
            "warm",
        ),
    ),
    (
        "the plan is full",
        situation(NOTHING, progress=replace(UNDERWAY, information=1.0)),
        Verdict(
            "no_difference",
            "The plan is full, and revenue per visitor shows no difference: 1.9 % higher (−1.2 % to 5.0 %).",
            "warm",
        ),
    ),
    (
        "the longest runtime is over",
        situation(NOTHING, progress=replace(UNDERWAY, days=28.0)),
        Verdict(
            "no_difference",
            "The plan is full, and revenue per visitor shows no difference: 1.9 % higher (−1.2 % to 5.0 %).",
            "warm",
        ),
    ),
    (
        "a fixed test before its size",
        situation(comparison(0.01, 0.05, is_significant=False), inference=InferenceKind.FIXED, is_readable=False),
        Verdict(
            "undecided",
            "The test can be read at its planned size: 70 % of its units are there."
            " So far revenue per visitor: 3.0 % higher (1.0 % to 5.0 %).",
            "warm",
        ),
    ),
    (
        "a mismatch beside a winner",
        situation(WIN, health=MISMATCH),
        Verdict(
            "unhealthy",
            "Nothing may be concluded: Control has 48.0 % of the units instead of 50.0 %,"
            " so units are lost or counted wrongly.",
        ),
    ),
    (
        "an A/A test",
        situation(NOTHING, arms=(Arm("a", "A", 0.5, {"x": 1}), Arm("b", "B", 0.5, {"x": 1}))),
        Verdict("no_difference", "All arms are the same (A/A), and revenue per visitor shows no difference."),
    ),
    (
        "an A/A test with a difference",
        situation(WIN, arms=(Arm("a", "A", 0.5, {"x": 1}), Arm("b", "B", 0.5, {"x": 1}))),
        Verdict(
            "unhealthy",
            "All arms are the same, yet revenue per visitor is 3.1 % higher (1.2 % to 5.0 %): check the measuring.",
        ),
    ),
    (
        "no goal",
        situation(goal=None),
        Verdict("waiting", "No goal metric was chosen, so units are counted and nothing is compared."),
    ),
    (
        "a hold-out that pays",
        situation(comparison(0.012, 0.05, arm="personalized"), arms=HELD_OUT, kind="holdout"),
        Verdict(
            "better",
            "Revenue per visitor is 3.1 % higher (1.2 % to 5.0 %): this is what personalization adds.",
            "personalized",
        ),
    ),
    (
        "a hold-out that costs",
        situation(comparison(-0.05, -0.012, arm="personalized"), arms=HELD_OUT, kind="holdout"),
        Verdict("worse", "Revenue per visitor is 3.1 % lower (−5.0 % to −1.2 %): personalization costs."),
    ),
    (
        "shipped",
        situation(replace(WIN, median_unbiased=Effect(0.25, 0.1, 0.4)), status="shipped", final_arm="warm"),
        Verdict(
            "ended",
            "Warm was shipped: revenue per visitor 3.1 % higher (1.2 % to 5.0 %),"
            " corrected for the time of stopping 2.5 % higher.",
            "warm",
        ),
    ),
    (
        "stopped",
        situation(NOTHING, status="stopped", final_arm="control"),
        Verdict("ended", "The experiment was stopped: revenue per visitor 1.9 % higher (−1.2 % to 5.0 %).", "warm"),
    ),
]


@pytest.mark.parametrize(("situated", "verdict"), [one[1:] for one in SITUATIONS], ids=[one[0] for one in SITUATIONS])
def test_each_situation_has_its_sentence(situated: Situation, verdict: Verdict) -> None:
    assert verdict_of(situated) == verdict


def test_every_level_has_a_situation() -> None:
    levels = {verdict.level for _, _, verdict in SITUATIONS}

    assert levels == {"waiting", "unhealthy", "undecided", "better", "worse", "futile", "no_difference", "ended"}


def test_nobody_yet() -> None:
    nobody = tuple(ArmUnits(arm, arm.title(), units, 0.0, 0.5) for arm, units in (("control", 0), ("warm", 1)))

    verdict = verdict_of(situation(comparison(0.0, 0.0), units=nobody))

    assert verdict == Verdict("waiting", "It is too early to say anything: Control has no unit.")


def test_lower_is_better() -> None:
    one = situation(replace(LOSS, is_better=True))
    assert one.goal is not None

    bounces = replace(one.goal, key="bounce_rate", name="Bounce rate", higher_is_better=False)
    verdict = verdict_of(replace(one, goal=bounces))

    assert verdict.level == "better"
    assert verdict.sentence.startswith("Bounce rate is 3.1 % lower")


@pytest.mark.parametrize(
    ("share", "text"), [(0.031, "3.1 %"), (-0.0049, "−0.5 %"), (0.5, "50 %"), (5.0, "500 %"), (-0.00001, "0.0 %")]
)
def test_shares_are_percentages(share: float, text: str) -> None:
    assert percent(share) == text
