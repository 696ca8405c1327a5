"""Results in the form of the API: each arm of a metric in one object, beside the control. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from experiments.result_json import plain
from experiments.results import ArmComparison, ArmValue, Effect, ExperimentResults, Health, MetricResult


def answer_of(results: ExperimentResults, policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of the results API; `policy` is what the policy does or waits for."""
    return {
        "experiment": results.key,
        "name": results.name,
        "kind": results.kind,
        "status": results.status,
        "inference": results.inference,
        "alpha": results.alpha,
        "epoch": results.epoch,
        "updated_at": results.health.counted_until or results.at,
        "level": results.level,
        "sentence": results.verdict,
        "leader": results.leader,
        "units": {one.arm: one.units for one in results.arms},
        "arms": plain(results.arms),
        "srm": _srm(results.health),
        "health": plain(results.health),
        "progress": plain(results.progress),
        "metrics": [_metric(one, results.inference) for one in results.metrics],
        "factors": [
            {"name": one.name, "effect": one.effect.value, "ci": _interval(one.effect), "p": one.p_value}
            for one in results.factors
        ],
        "policy": dict(policy),
    }


def _srm(health: Health) -> dict[str, Any]:
    verdict = "mismatch" if health.is_mismatch else "as_planned"
    return {"p": health.srm_p_value, "verdict": verdict}


def _metric(metric: MetricResult, inference: str) -> dict[str, Any]:
    return {
        "key": metric.key,
        "name": metric.name,
        "role": metric.role,
        "display": metric.display,
        "higher_is_better": metric.higher_is_better,
        "arms": _arms(metric.arms, metric.comparisons, inference),
        "breakdowns": [
            {
                "dimension": one.dimension,
                "groups": [
                    {"value": group.value, "arms": _arms(group.arms, group.comparisons, inference)}
                    for group in one.groups
                ],
            }
            for one in metric.breakdowns
        ],
        "days": [
            {
                "day": one.day.isoformat(),
                "arms": _arms(one.arms, (), inference),
                "cumulative": _compared(one.cumulative, inference),
            }
            for one in metric.days
        ],
        "windows": [
            {"days": length, "arms": _compared(compared, inference)} for length, compared in metric.windows.items()
        ],
    }


def _arms(values: Sequence[ArmValue], compared: Iterable[ArmComparison], inference: str) -> list[dict[str, Any]]:
    """Return every arm with its value, and with its effect unless it is the control."""
    effects = {one.arm: one for one in compared}
    return [
        {
            "variation": one.arm,
            "n": one.units,
            "value": one.value,
            **({"quantiles": plain(one.quantiles)} if one.quantiles else {}),
            **(_comparison(effects[one.arm], inference) if one.arm in effects else {}),
        }
        for one in values
    ]


def _compared(comparisons: Iterable[ArmComparison], inference: str) -> list[dict[str, Any]]:
    return [{"variation": one.arm, **_comparison(one, inference)} for one in comparisons]


def _comparison(one: ArmComparison, inference: str) -> dict[str, Any]:
    """Return an effect; what is computed for all units alone is left out elsewhere."""
    more = {
        "chance_to_win": one.chance_to_win,
        "risk": one.risk,
        "pooled": one.pooled,
        "unadjusted": one.unadjusted,
        "median_unbiased": one.median_unbiased,
        "guardrail": one.guardrail,
    }
    return {
        "effect": one.absolute.value,
        "relative": one.relative.value,
        "ci": _interval(one.absolute),
        "relative_ci": _interval(one.relative),
        "standard_error": one.absolute.standard_error,
        "p": one.p_value,
        "adjusted_p": one.adjusted_p_value,
        "significant": one.is_significant,
        "better": one.is_better,
        "inference": inference,
        **{name: plain(value) for name, value in more.items() if value is not None},
    }


def _interval(effect: Effect) -> list[float | None]:
    return [effect.low, effect.high]
