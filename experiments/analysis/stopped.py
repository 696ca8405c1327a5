"""The effect of a test that ended: median-unbiased, since who stops at a large effect overstates it."""

from dataclasses import replace
from functools import lru_cache

from experiments.analysis.comparisons import number
from experiments.analysis.plan import Plan
from experiments.results import Effect
from experiments.stats.estimates import Estimate
from experiments.stats.power import AnalysisPlan, InferenceKind
from experiments.stats.sequential import mixture_variance
from experiments.stats.unbiased import realized_boundaries, stopped_effect


def stopped_estimate(plan: Plan, sizes: tuple[int, ...], estimate: Estimate) -> Effect:
    """Return the median-unbiased effect after looks at these sizes, rising, the last one at the end.

    Sizes are those that the bounds of the looks came from: of all arms at planned looks, of the arm and the control in
    other tests. It is computed once for the same numbers: the integrals over all looks take a tenth of a second.
    """
    is_planned = plan.inference is InferenceKind.GROUP_SEQUENTIAL
    planned = plan.planned_total if is_planned else plan.planned_pair
    return _stopped(_single(plan), planned or sizes[-1], sizes, estimate, plan.alpha)


def _single(plan: Plan) -> AnalysisPlan:
    """Return the plan of one arm: of several, Holm has the first one stop at alpha divided by their number.

    N* is such that the always-valid bound keeps the mixture of the whole alpha, as p-values do.
    """
    analysis, arms = plan.analysis, len(plan.design.arms) - 1
    if arms == 1:
        return analysis
    alpha, n_star = plan.alpha / arms, None
    if analysis.kind is InferenceKind.ALWAYS_VALID:
        n_star = plan.n_star * mixture_variance(alpha, 1.0) / mixture_variance(plan.alpha, 1.0)
    return replace(analysis, alpha=alpha, n_star=n_star)


@lru_cache(maxsize=512)
def _stopped(
    analysis: AnalysisPlan, n_planned: int, sizes: tuple[int, ...], estimate: Estimate, alpha: float
) -> Effect:
    boundaries = realized_boundaries(analysis, n_planned, _of_plan(analysis, n_planned, sizes))
    effect = stopped_effect(boundaries, estimate, alpha=alpha)
    return Effect(number(effect.median_unbiased), number(effect.low), number(effect.high))


def _of_plan(analysis: AnalysisPlan, n_planned: int, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the looks that could end the test: of a group-sequential one, none after the plan was full."""
    if analysis.kind is not InferenceKind.GROUP_SEQUENTIAL:
        return sizes
    before = [size for size in sizes if size < n_planned]
    later = [size for size in sizes if size >= n_planned]
    return tuple([*before, *later[:1]][-analysis.looks :])
