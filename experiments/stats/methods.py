"""The method of a plan: how an estimate becomes an interval, for whichever inference was chosen."""

from collections.abc import Sequence
from functools import partial

from experiments.stats.estimates import Estimate
from experiments.stats.group_sequential import GroupSequentialPlan, group_sequential_look
from experiments.stats.inference import Conclusion, Method, fixed_inference
from experiments.stats.power import AnalysisPlan, InferenceKind
from experiments.stats.sequential import always_valid_inference


def method_of(plan: AnalysisPlan, n_planned: int, *, sizes: Sequence[int] = (), is_complete: bool = False) -> Method:
    """Return the method for two arms planned to have `n_planned` units together.

    `sizes` are the units at every look so far, this one last; only the group-sequential test asks for them. The fixed
    method concludes only at the planned size: a dashboard shows its interval before, and says so.
    """
    if plan.kind is InferenceKind.ALWAYS_VALID:
        return partial(always_valid_inference, alpha=plan.alpha, n_star=plan.n_star or float(n_planned))
    if plan.kind is InferenceKind.FIXED:
        return partial(fixed_inference, alpha=plan.alpha)
    sequential_plan = GroupSequentialPlan(n_planned, plan.looks, plan.alpha)

    def look(estimate: Estimate) -> Conclusion:
        return group_sequential_look(sequential_plan, sizes, estimate, is_complete=is_complete).conclusion

    return look
