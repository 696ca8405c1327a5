"""Results of an experiment as tests of policies need them: two arms after ten good days, unless told otherwise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from experiments.policy import Limits, PolicyState
from experiments.ramp import Traffic
from experiments.results import (
    ArmComparison,
    ArmUnits,
    ArmValue,
    Effect,
    ExperimentResults,
    GuardrailState,
    Health,
    MetricResult,
    Progress,
)

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
LIMITS = Limits(minimum_units=1_000, stale_after=timedelta(hours=1), stage_time=timedelta(days=1))
UNKNOWN = Effect(None, None, None)
HOLDS = GuardrailState(0.02, -0.01, 0.03, is_breached=False, holds=True)
OPEN = GuardrailState(0.02, -0.03, 0.03, is_breached=False, holds=False)
BREACHED = GuardrailState(0.02, -0.09, -0.021, is_breached=True, holds=False)


def comparison(
    low: float, high: float, *, arm: str = "warm", adjusted: float | None = None, guardrail: Any = None
) -> ArmComparison:
    """Return a comparison with this interval of the absolute effect; the control's value is 1."""
    effect = Effect((low + high) / 2, low, high, standard_error=(high - low) / 6)
    is_significant = low > 0 or high < 0
    p = 0.001 if is_significant else 0.5
    return ArmComparison(
        arm, effect, effect, p, p if adjusted is None else adjusted, is_significant, low > 0, guardrail=guardrail
    )


def metric(role: Any, *comparisons: ArmComparison, key: str = "conversion_rate", **fields: Any) -> MetricResult:
    """Return a metric of the control, whose value is 1, and of these arms."""
    values = (ArmValue("control", 2_000, 1.0), *(ArmValue(one.arm, 2_000, 1.1) for one in comparisons))
    return MetricResult(
        key=key,
        name=key.replace("_", " ").capitalize(),
        role=role,
        display="share",
        higher_is_better=fields.pop("higher_is_better", True),
        arms=values,
        comparisons=comparisons,
        **fields,
    )


BETTER, WORSE, UNDECIDED = comparison(0.01, 0.09), comparison(-0.09, -0.01), comparison(-0.04, 0.04)
PROGRESS = Progress(
    days=10.0,
    days_left=18.0,
    minimum_days=7,
    maximum_days=28,
    planned_units=10_000,
    information=0.4,
    detectable_effect=0.05,
    predictive_power=0.5,
    is_futile=False,
)
HEALTH = Health(
    srm_p_value=0.5,
    is_mismatch=False,
    switch_share=0.0,
    has_switchers=False,
    is_imbalanced=False,
    counted_until=NOW,
)


def results(
    goal: MetricResult | ArmComparison | None = BETTER, *more: MetricResult, units: int = 2_000, **fields: Any
) -> ExperimentResults:
    """Return the results; `progress` and `health` are fields that differ from ten good days."""
    if isinstance(goal, ArmComparison):
        goal = metric("goal", goal)
    arms = [] if goal is None else [one.arm for one in goal.comparisons]
    shares = 1 / (1 + len(arms))
    return ExperimentResults(
        key="button",
        name="Button",
        kind="comparison",
        status="running",
        inference=fields.pop("inference", "always_valid"),
        alpha=0.05,
        at=NOW,
        epoch=1,
        level="undecided",
        verdict="",
        arms=tuple(ArmUnits(arm, arm.capitalize(), units, shares, shares) for arm in ("control", *arms)),
        health=replace(HEALTH, **fields.pop("health", {})),
        progress=replace(PROGRESS, **fields.pop("progress", {})),
        metrics=((() if goal is None else (goal,)) + more),
        **fields,
    )


def state(**fields: Any) -> PolicyState:
    """Return the state: one in ten shoppers takes part, half of them warm."""
    traffic = Traffic(0.1, {"control": 0.5, "warm": 0.5})
    return PolicyState(**{"now": NOW, "traffic": traffic, "limits": LIMITS, **fields})
