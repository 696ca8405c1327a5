"""The effect of a test that ended: median-unbiased, since who stops at a large effect overstates it."""

from functools import lru_cache

from experiments.analysis.comparisons import number
from experiments.analysis.plan import Plan
from experiments.results import Effect
from experiments.stats.estimates import Estimate
from experiments.stats.power import AnalysisPlan, InferenceKind
from experiments.stats.unbiased import realized_boundaries, stopped_effect


def stopped_estimate(plan: Plan, sizes: tuple[int, ...], estimate: Estimate) -> Effect:
    """Return the median-unbiased effect after looks at these sizes of the two arms, rising, the last one at the end.

    It is computed once for the same numbers: the integrals over all looks take a tenth of a second.
    """
    return _stopped(plan.analysis, plan.planned_pair or sizes[-1], sizes, estimate)


@lru_cache(maxsize=512)
def _stopped(analysis: AnalysisPlan, n_planned: int, sizes: tuple[int, ...], estimate: Estimate) -> Effect:
    boundaries = realized_boundaries(analysis, n_planned, _of_plan(analysis, n_planned, sizes))
    effect = stopped_effect(boundaries, estimate, alpha=analysis.alpha)
    return Effect(number(effect.median_unbiased), number(effect.low), number(effect.high))


def _of_plan(analysis: AnalysisPlan, n_planned: int, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the looks that could end the test: of a group-sequential one, none after the plan was full."""
    if analysis.kind is not InferenceKind.GROUP_SEQUENTIAL:
        return sizes
    before = [size for size in sizes if size < n_planned]
    later = [size for size in sizes if size >= n_planned]
    return tuple([*before, *later[:1]][-analysis.looks :])
