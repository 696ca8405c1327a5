"""Multivariate designs: what each level does on average over the others, and where factors depend on each other."""

from math import isfinite

from experiments.analysis.bounds import Bounds
from experiments.analysis.comparisons import number
from experiments.analysis.effects import first_arms, moments_of
from experiments.analysis.metrics import Measured
from experiments.analysis.plan import Plan
from experiments.results import Effect, FactorResult
from experiments.stats.estimands import Estimand, Mean, Ratio
from experiments.stats.estimates import Estimate
from experiments.stats.factorial import FactorialAnalysis, WaldTest, factorial_analysis, interaction
from experiments.stats.inference import Conclusion, fixed_inference, interval, no_conclusion
from experiments.stats.moments import ArmMoments
from experiments.stats.power import InferenceKind
from experiments.stats.sequential import always_valid_inference


def factors_of(plan: Plan, goal: Measured | None, bounds: Bounds) -> tuple[FactorResult, ...]:
    """Return main effects, interactions and the joint test for the goal; none unless every cell has two units."""
    if not plan.factors or goal is None:
        return ()
    levels = [len(each) for each in plan.factors.values()]
    cells = _cells(plan, goal)
    if cells is None:
        return ()
    estimand: Estimand = Mean(0) if goal.layout.outcome.bottom is None else Ratio(0, 1)
    analysis = factorial_analysis(cells, levels, estimand)
    pair = interaction(cells, estimand) if levels == [2, 2] else None
    return (*_level_effects(plan, analysis, bounds), *_interactions(plan, analysis, pair, bounds))


def _cells(plan: Plan, goal: Measured) -> dict[tuple[int, ...], ArmMoments] | None:
    """Return the arm of each combination of levels, stratified by epoch, without adjustment."""
    layout = goal.layout.without_covariate()
    moments = moments_of(goal.sums.rows(slice(0, 1)), layout.places, width=layout.width, is_binary=layout.is_binary)
    usable = [epoch for epoch in range(moments.n.shape[0]) if moments.n[epoch, 0].min() >= 2]
    if not usable:
        return None
    keys = [
        tuple(list(levels).index(arm.levels[name]) for name, levels in plan.factors.items()) for arm in plan.design.arms
    ]
    return dict(zip(keys, first_arms(moments, usable), strict=True))


def _level_effects(plan: Plan, analysis: FactorialAnalysis, bounds: Bounds) -> list[FactorResult]:
    names = list(plan.factors)
    return [
        _result(
            f"{names[one.factor]}: {plan.factors[names[one.factor]][one.level]} "
            f"against {plan.factors[names[one.factor]][0]}",
            _conclusion(plan, one.estimate, bounds),
        )
        for one in analysis.level_effects
    ]


def _interactions(plan: Plan, analysis: FactorialAnalysis, pair: Estimate | None, bounds: Bounds) -> list[FactorResult]:
    """Return one line for each interaction: with its size where there are two by two levels, else the test alone."""
    names = list(plan.factors)
    lines = []
    for test in analysis.interactions:
        name = " × ".join(names[factor] for factor in test.factors)
        if pair is not None:
            lines.append(_result(name, _conclusion(plan, pair, bounds)))
        else:
            lines.append(FactorResult(name, Effect(None, None, None), _joint_p(plan, test)))
    return [*lines, FactorResult("any difference", Effect(None, None, None), _joint_p(plan, analysis.joint))]


def _result(name: str, conclusion: Conclusion) -> FactorResult:
    estimate = conclusion.estimate
    effect = Effect(*map(number, (estimate.value, conclusion.low, conclusion.high, estimate.standard_error)))
    return FactorResult(name, effect, conclusion.p_value)


def _conclusion(plan: Plan, estimate: Estimate, bounds: Bounds) -> Conclusion:
    """Return the interval of a contrast of all arms by the plan's inference; N* is that of all arms."""
    if plan.inference is InferenceKind.FIXED:
        return fixed_inference(estimate, alpha=plan.alpha)
    if plan.inference is InferenceKind.GROUP_SEQUENTIAL:
        if not isfinite(bounds.look_bound) or not estimate.is_usable:
            return no_conclusion(estimate, plan.alpha)
        nominal = fixed_inference(estimate, alpha=plan.alpha).p_value
        return interval(estimate, bounds.look_bound * estimate.standard_error, nominal, plan.alpha)
    return always_valid_inference(estimate, alpha=plan.alpha, n_star=_n_star(plan))


def _joint_p(plan: Plan, test: WaldTest) -> float:
    if plan.inference is InferenceKind.ALWAYS_VALID:
        return test.watched_p_value(alpha=plan.alpha, n_star=_n_star(plan))
    return test.p_value


def _n_star(plan: Plan) -> float:
    return float(plan.planned_total or plan.n_star)
