"""Results of an experiment with every kind of number, for pages that show them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from experiments.results import (
    ArmComparison,
    ArmUnits,
    ArmValue,
    Breakdown,
    DayValue,
    Effect,
    ExperimentResults,
    FactorResult,
    Group,
    GuardrailState,
    Health,
    MetricResult,
    Progress,
)

AT = datetime(2026, 12, 2, 9, 30, tzinfo=UTC)
QUANTILES = {0.5: 12.0, 0.9: 61.0, 0.99: 240.0}


def comparison(value: float, half: float, *, arm: str = "hybrid", **more: Any) -> ArmComparison:
    """Return a comparison with a relative effect and the half width of its interval; a tenth of it is absolute."""
    relative = Effect(value, value - half, value + half)
    absolute = Effect(value / 10, (value - half) / 10, (value + half) / 10)
    is_significant = abs(value) > half
    return ArmComparison(
        arm,
        absolute,
        relative,
        0.01,
        0.02,
        is_significant,
        is_significant and value > 0,
        **{"chance_to_win": 0.9, **more},
    )


def values(control: float, other: float, *, units: int = 4000, quantiles: Any = None) -> tuple[ArmValue, ...]:
    """Return a metric's value in both arms."""
    return (
        ArmValue("popular", units, control, quantiles or {}),
        ArmValue("hybrid", units + 37, other, quantiles or {}),
    )


def goal(**more: Any) -> MetricResult:
    """Return the click-through rate with groups, days and windows."""
    groups = tuple(
        Group(name, values(0.2, 0.23, units=900), (comparison(0.15, 0.2),)) for name in ("mobile", "desktop", "tablet")
    )
    first = date(2026, 11, 25)
    days = tuple(
        DayValue(
            first + timedelta(days=at), values(0.2, 0.22 + at / 500, units=500), (comparison(0.1, 0.5 / (1 + at)),)
        )
        for at in range(7)
    )
    windows = {1: (comparison(0.2, 0.4),), 7: (comparison(0.12, 0.09),), 28: (comparison(0.11, 0.06),)}
    return replace(
        MetricResult(
            "click_through_rate", "Click-through rate", "goal", "share", True, values(0.2143, 0.2405),
            (comparison(0.122, 0.06),), (Breakdown("device", groups), Breakdown("visitor", groups[:2])), days, windows,
        ),
        **more,
    )  # fmt: skip


def results(key: str = "home-ranker", **more: Any) -> ExperimentResults:
    """Return results with two arms, a goal, a secondary metric and a guardrail."""
    revenue = MetricResult(
        "revenue_per_visitor", "Revenue per visitor", "secondary", "money", True,
        values(3.2, 3.4, quantiles=QUANTILES), (comparison(0.05, 0.12),),
    )  # fmt: skip
    guarded = comparison(-0.01, 0.02, guardrail=GuardrailState(0.02, -0.03, 0.01, False, False))
    margin = MetricResult(
        "margin_per_visitor", "Margin per visitor", "guardrail", "money", True, values(1.1, 1.09), (guarded,)
    )
    shown = ExperimentResults(
        key, "Home: hybrid or popular", "comparison", "running", "always_valid", 0.05, AT, 1, "better",
        "Hybrid is better than Popular: click-through rate rises by 12.2 % (6.2 to 18.2).",
        (
            ArmUnits("popular", "Popular", 4000, 0.498, 0.5, 3, 120),
            ArmUnits("hybrid", "Hybrid", 4037, 0.502, 0.5, 2, 118),
        ),
        Health(0.68, False, 0.0006, False, False, AT),
        Progress(12.4, 8.0, 7, 28, 6000, 0.67, 0.052, 0.93, False),
        (goal(), revenue, margin),
        leader="hybrid",
    )  # fmt: skip
    return replace(shown, **more)


def factorial(key: str = "home-grid") -> ExperimentResults:
    """Return results of a design of two factors."""
    arms = ("popular-grid", "popular-list", "hybrid-grid", "hybrid-list")
    cells = tuple(ArmValue(arm, 2000 + at, 0.2 + at / 100) for at, arm in enumerate(arms))
    comparisons = tuple(comparison(0.05 * at, 0.06, arm=arm) for at, arm in enumerate(arms) if at)
    units = tuple(ArmUnits(arm, arm.replace("-", ", "), 2000 + at, 0.25, 0.25) for at, arm in enumerate(arms))
    factors = (
        FactorResult("strategy: hybrid", Effect(0.02, 0.01, 0.03), 0.001),
        FactorResult("layout: list", Effect(0.01, -0.002, 0.022), 0.1),
        FactorResult("strategy × layout", Effect(0.0, -0.02, 0.02), 0.9),
    )
    return results(
        key, name="Home: strategy and layout", arms=units, factors=factors, leader=None, level="undecided",
        verdict="Nothing may be concluded yet: the interval still holds no effect.",
        metrics=(goal(arms=cells, comparisons=comparisons, breakdowns=(), days=(), windows={}),),
    )  # fmt: skip


def look(number: int, *, days_ago: float) -> dict[str, Any]:
    """Return the fields of a look whose interval narrows with its number."""
    half = 0.4 / (1 + number) ** 0.5
    effect = {"value": 0.12, "low": 0.12 - half, "high": 0.12 + half}
    compared = [{"arm": "hybrid", "relative": effect, "absolute": {name: one / 10 for name, one in effect.items()}}]
    return {
        "number": number,
        "at": AT - timedelta(days=days_ago),
        "units": {"popular": 100 * number, "hybrid": 100 * number},
        "results": {"metrics": [{"key": "click_through_rate", "role": "goal", "comparisons": compared}]},
    }
