"""Every number that the rules of a policy saw, as JSON: for proposals and the audit log. Pure."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any

from experiments.fairness import GroupCheck
from experiments.results import ArmComparison, ExperimentResults, MetricResult

if TYPE_CHECKING:
    from experiments.policy import PolicyState


def gain_value(metric: MetricResult | None, one: ArmComparison) -> float:
    """Return the absolute effect with the sign turned so that more is better; 0 where it is unknown."""
    value = one.absolute.value or 0.0
    return value if metric is None or metric.higher_is_better else -value


def gain_low(metric: MetricResult | None, one: ArmComparison) -> float | None:
    """Return the bound of the effect on its worse side, more is better; None where it is unknown."""
    if metric is None or metric.higher_is_better:
        return one.absolute.low
    return None if one.absolute.high is None else -one.absolute.high


def inputs_of(
    results: ExperimentResults, state: "PolicyState", checks: Iterable[GroupCheck], share: float | None
) -> dict[str, Any]:
    """Return the numbers: runtime, units, health, the goal, guardrails, groups, traffic, and the limits."""
    goal = results.goal
    inputs: dict[str, Any] = _json(
        {
            "at": state.now,
            "inference": results.inference,
            "alpha": results.alpha,
            "progress": asdict(results.progress),
            "units": {one.arm: one.units for one in results.arms},
            "srm_p_value": results.health.srm_p_value,
            "is_mismatch": results.health.is_mismatch,
            "counted_until": results.health.counted_until,
            "goal": None if goal is None else {"metric": goal.key, "arms": _effects(goal)},
            "goal_margin": state.goal_margin,
            "guardrails": [
                {"metric": metric.key, "arm": one.arm, **asdict(one.guardrail)}
                for metric in results.guardrails
                for one in metric.comparisons
                if one.guardrail is not None
            ],
            "groups": [asdict(one) for one in checks],
            "coverage": state.traffic.coverage,
            "weights": dict(state.traffic.weights),
            "ramp": None if state.ramp is None else asdict(state.ramp),
            "share": share,
            "minimum_units": state.limits.minimum_units,
            "stale_after_seconds": state.limits.stale_after.total_seconds(),
            "stage_seconds": state.limits.stage_time.total_seconds(),
        }
    )
    return inputs


def _effects(goal: MetricResult) -> dict[str, Any]:
    return {
        one.arm: {
            "value": one.absolute.value,
            "low": one.absolute.low,
            "high": one.absolute.high,
            "p_value": one.p_value,
            "adjusted_p_value": one.adjusted_p_value,
            "is_significant": one.is_significant,
        }
        for one in goal.comparisons
    }


def _json(value: Any) -> Any:
    """Return the value as JSON holds it: times as text, infinite numbers as None."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {name: _json(inner) for name, inner in value.items()}
    return [_json(inner) for inner in value] if isinstance(value, list) else value
