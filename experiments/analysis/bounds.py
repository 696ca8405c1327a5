"""How far intervals reach and how small p is, for whole tables of estimates, by the inference of the plan.

Always-valid bounds hold at every moment. A group-sequential test has the bound of its latest look; between looks the
interval is that bound times the present standard error, which is wider than the one of a look now. A fixed test has
Welch's interval, which holds for the one look at the planned size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from experiments.analysis.effects import Effects
from experiments.analysis.plan import Plan
from experiments.stats.group_sequential import spending_boundaries
from experiments.stats.moments import Floats
from experiments.stats.power import InferenceKind
from experiments.stats.sequential import always_valid_bound, always_valid_p


@dataclass(frozen=True, slots=True)
class Bounds:
    """The inference of a plan at one moment.

    `look_bound` is that of the latest look of a group-sequential test: how many standard errors at alpha. `step_bounds`
    are those at alpha / m for m comparisons, at place m − 1, of one metric among those corrected together.
    """

    plan: Plan
    look_bound: float = inf
    step_bounds: tuple[float, ...] = ()

    @property
    def key(self) -> tuple[Any, ...]:
        """Return all that bounds of an estimate depend on."""
        return self.plan.inference, self.plan.alpha, self.plan.n_star, self.look_bound, self.step_bounds

    def reach(self, effects: Effects) -> Floats:
        """Return how many standard errors intervals reach to each side, float64[R, T]."""
        if self.plan.inference is InferenceKind.FIXED:
            return _student_reach(effects.freedom, self.plan.alpha)
        if self.plan.inference is InferenceKind.GROUP_SEQUENTIAL:
            return np.full(effects.values.shape, self.look_bound)
        n = np.maximum(effects.n, 1.0)
        return always_valid_bound(n, alpha=self.plan.alpha, n_star=self.plan.n_star)

    def p_values(self, effects: Effects) -> Floats:
        """Return the p-values, float64[R, T]; 1 where there is no estimate. Those of planned looks are nominal."""
        with np.errstate(invalid="ignore", divide="ignore"):
            t = np.where(np.isfinite(effects.errors), effects.values / effects.errors, 0.0)
        if self.plan.inference is InferenceKind.ALWAYS_VALID:
            n = np.maximum(effects.n, 1.0)
            return always_valid_p(t, n, alpha=self.plan.alpha, n_star=self.plan.n_star)
        if self.plan.inference is InferenceKind.FIXED:
            return np.minimum(2 * _student_below(-np.abs(t), effects.freedom), 1.0)
        return np.asarray(2 * special.ndtr(-np.abs(t)))

    def significant(self, effects: Effects, adjusted: Floats) -> NDArray[np.bool_]:
        """Return which effects differ from 0 at this look, bool[R, T], corrected over arms after Holm."""
        if self.plan.inference is not InferenceKind.GROUP_SEQUENTIAL:
            return np.asarray(adjusted < self.plan.alpha)
        if not self.step_bounds:
            return np.zeros(effects.values.shape, dtype=np.bool_)
        with np.errstate(invalid="ignore", divide="ignore"):
            z = np.nan_to_num(np.abs(effects.values / effects.errors))
        order = np.argsort(-z, axis=1, kind="stable")
        steps = np.array(self.step_bounds[: z.shape[1]])[::-1]
        passed = np.logical_and.accumulate(np.take_along_axis(z, order, axis=1) >= steps, axis=1)
        result = np.zeros(z.shape, dtype=np.bool_)
        np.put_along_axis(result, order, passed, axis=1)
        return result


def bounds_of(plan: Plan, looks: Sequence[Mapping[str, int]], *, metrics: int = 1) -> Bounds:
    """Return the bounds after these looks, each the units of the arms then; of one of so many metrics together.

    Over metrics alpha is shared equally (Bonferroni), over arms after Holm.
    """
    if plan.inference is not InferenceKind.GROUP_SEQUENTIAL:
        return Bounds(plan)
    times = look_times(plan, looks)
    if not times:
        return Bounds(plan)
    is_last = times[-1] >= 1 or len(times) == plan.planned_looks
    comparisons = len(plan.design.arms) - 1
    levels = [plan.alpha, *(plan.alpha / metrics / count for count in range(1, comparisons + 1))]
    bound, *steps = (spending_boundaries(times, one, is_complete=is_last).upper[-1] for one in levels)
    return Bounds(plan, bound, tuple(steps))


def look_times(plan: Plan, looks: Sequence[Mapping[str, int]]) -> tuple[float, ...]:
    """Return the share of the plan at each look, rising, at most `planned_looks`, up to the first that is complete."""
    times: list[float] = []
    if plan.planned_total is None:
        return ()
    for units in looks[: plan.planned_looks]:
        time = sum(units.values()) / plan.planned_total
        if time <= (times[-1] if times else 0.0):
            continue
        times.append(time)
        if time >= 1:
            break
    return tuple(times)


def holm(p_values: Floats) -> Floats:
    """Return p-values adjusted over the arms of each row after Holm, float64[R, T]."""
    count = p_values.shape[1]
    if count == 1:
        return np.minimum(p_values, 1.0)
    order = np.argsort(p_values, axis=1, kind="stable")
    steps = np.take_along_axis(p_values, order, axis=1) * np.arange(count, 0, -1)
    placed = np.empty_like(p_values)
    np.put_along_axis(placed, order, np.minimum(np.maximum.accumulate(steps, axis=1), 1.0), axis=1)
    return placed


def _student_reach(freedom: Floats, alpha: float) -> Floats:
    normal = -special.ndtri(alpha / 2)
    finite = np.isfinite(freedom) & (freedom > 0)
    return np.asarray(np.where(finite, -special.stdtrit(np.where(finite, freedom, 1.0), alpha / 2), normal))


def _student_below(t: Floats, freedom: Floats) -> Floats:
    finite = np.isfinite(freedom) & (freedom > 0)
    return np.asarray(np.where(finite, special.stdtr(np.where(finite, freedom, 1.0), t), special.ndtr(t)))
