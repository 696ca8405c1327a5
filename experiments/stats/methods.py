"""The method of a design: how an estimate becomes an interval, for whichever inference was chosen."""

from collections.abc import Sequence
from functools import partial

from experiments.stats.estimates import Estimate
from experiments.stats.group_sequential import GroupSequentialPlan, group_sequential_look
from experiments.stats.inference import Inference, Method, fixed_inference
from experiments.stats.power import Design, InferenceKind
from experiments.stats.sequential import always_valid_inference


def method_of(design: Design, n_planned: int, *, sizes: Sequence[int] = (), is_complete: bool = False) -> Method:
    """Return the method for two arms planned to have `n_planned` units together.

    `sizes` are the units at every look so far, this one last; only the group-sequential test asks for them. The fixed
    method concludes only at the planned size: a dashboard shows its interval before, and says so.
    """
    if design.kind is InferenceKind.ALWAYS_VALID:
        return partial(always_valid_inference, alpha=design.alpha, n_star=design.n_star or float(n_planned))
    if design.kind is InferenceKind.FIXED:
        return partial(fixed_inference, alpha=design.alpha)
    plan = GroupSequentialPlan(n_planned, design.looks, design.alpha)

    def look(estimate: Estimate) -> Inference:
        return group_sequential_look(plan, sizes, estimate, is_complete=is_complete).inference

    return look
