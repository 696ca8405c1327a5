"""Units of experiments as arrays, and the cells that they make: what the tests of results start from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import orjson

from experiments.analysis.analyze import Moment, analyze
from experiments.analysis.plan import MetricUse, Plan
from experiments.analysis.readings import CellRow, Reading
from experiments.design import Arm, Design
from experiments.metrics.base import Metric, Variable
from experiments.metrics.registry import METRICS, ORDERED, REVENUE
from experiments.results import ArmComparison, Effect, ExperimentResults, MetricResult, Role
from experiments.selectors.metrics import variables
from experiments.stats.estimands import Mean
from experiments.stats.estimates import Estimate, absolute_effect
from experiments.stats.moments import ArmMoments, Floats, mean_arm
from experiments.stats.sketches import sketch_of

AT = datetime(2026, 12, 2, 12, tzinfo=UTC)
STARTED = datetime(2026, 11, 20, tzinfo=UTC)
TWO_ARMS = (Arm("control", "Control", 0.5), Arm("warm", "Warm", 0.5, {"color": "red"}))


@dataclass(frozen=True)
class Units:
    """Units of one arm in one epoch: values float64[n] by variable, and the group of each unit by dimension."""

    arm: str
    values: Mapping[Variable, Floats]
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    epoch: int = 1
    quarantined: int = 0


def plan_with(
    *uses: tuple[str | Metric, Role], arms: tuple[Arm, ...] = TWO_ARMS, status: str = "running", **more: Any
) -> Plan:
    """Return a plan with these metrics; their margins are the metrics' own."""
    metrics = [(METRICS[one] if isinstance(one, str) else one, role) for one, role in uses]
    kind = more.pop("kind", "comparison")
    payload_kind = more.pop("payload_kind", "")
    design: Any = Design("button", "seed", arms, name="Button", kind=kind, status=status, payload_kind=payload_kind)  # type: ignore[arg-type]
    return Plan(
        design=design,
        metrics=tuple(MetricUse(metric, role, metric.margin) for metric, role in metrics),
        variables=variables([metric for metric, _ in metrics]),
        weights=more.pop("weights", {1: {arm.key: arm.weight for arm in arms}}),
        started_at=STARTED,
        **more,
    )


def cells_of(plan: Plan, *units: Units) -> tuple[CellRow, ...]:
    """Return the cells of these units: of all, and of every group of every dimension."""
    cells = []
    for one in units:
        size = len(next(iter(one.values.values())))
        matrix = np.array([one.values.get(variable, np.zeros(size)) for variable in plan.variables]).T
        cells.append(_cell(plan, one, "", "", matrix))
        for dimension, labels in one.groups.items():
            names = np.asarray(labels)
            cells += [_cell(plan, one, dimension, str(name), matrix[names == name]) for name in np.unique(names)]
    return tuple(cells)


def _cell(plan: Plan, units: Units, dimension: str, value: str, matrix: Floats) -> CellRow:
    pairs = combinations_with_replacement(range(matrix.shape[1]), 2)
    has_sketch = [
        place
        for use in plan.metrics
        if use.metric.has_quantiles or use.metric.winsor_share is not None
        for place in [plan.places[use.metric.numerator]]
    ]
    return CellRow(
        epoch=units.epoch,
        arm=units.arm,
        dimension=dimension,
        value=value,
        n=len(matrix),
        quarantined=units.quarantined if not dimension else 0,
        sums=matrix.sum(axis=0).tolist(),
        products=[float(matrix[:, one] @ matrix[:, other]) for one, other in pairs],
        sketches=orjson.dumps({str(place): sketch_of(matrix[:, place]).as_json() for place in has_sketch}).decode(),
    )


def spenders(arm: str, n: int, *, mean: float = 10.0, seed: int = 1, **more: Any) -> Units:
    rng = np.random.default_rng([seed, len(arm), *arm.encode()])
    values = {REVENUE: np.round(rng.normal(mean, 4.0, n), 2), ORDERED: (rng.random(n) < 0.3).astype(float)}
    return Units(arm, values, **more)


def read(plan: Plan, *units: Units, **more: Any) -> ExperimentResults:
    moment = Moment(AT, AT.date(), more.pop("is_look", False))
    return analyze(plan, Reading(cells_of(plan, *units), **more), moment)


def goal(results: ExperimentResults) -> MetricResult:
    assert results.goal is not None
    return results.goal


def first(results: ExperimentResults) -> ArmComparison:
    return goal(results).comparisons[0]


def numbers(effect: Effect | None) -> tuple[float, float, float]:
    assert effect is not None
    assert effect.value is not None
    assert effect.low is not None
    assert effect.high is not None
    return effect.value, effect.low, effect.high


def moments(units: Units) -> ArmMoments:
    values = units.values[REVENUE]
    return mean_arm(len(values), float(values.sum()), float(values @ values))


def between(units: Sequence[Units]) -> Estimate:
    """Return the effect of the second units against the first, by the scalar functions."""
    return absolute_effect(moments(units[0]), moments(units[1]), Mean())
