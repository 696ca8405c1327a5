"""What may be concluded now, as a level and one sentence with the numbers."""

from dataclasses import dataclass
from typing import Final

from experiments.analysis.plan import Plan
from experiments.analysis.words import count_of_units, percent, short_number
from experiments.results import ArmComparison, ArmUnits, Health, Level, MetricResult, Progress
from experiments.stats.power import InferenceKind

FEWEST: Final = 2
"""Units of each arm without which nothing is computed."""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a verdict depends on. `is_readable` says that the plan allows a conclusion from present numbers."""

    plan: Plan
    units: tuple[ArmUnits, ...]
    health: Health
    progress: Progress
    goal: MetricResult | None
    guardrails: tuple[MetricResult, ...]
    is_readable: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The level, the sentence, and the key of the arm that leads."""

    level: Level
    sentence: str
    leader: str | None = None


def verdict_of(situation: Situation) -> Verdict:
    """Return what may be concluded."""
    plan, goal = situation.plan, situation.goal
    if plan.design.status == "draft":
        return Verdict("waiting", "The experiment has not started.")
    if situation.health.is_mismatch:
        return Verdict("unhealthy", _mismatch(situation))
    if goal is None:
        return Verdict("waiting", "No goal metric was chosen, so units are counted and nothing is compared.")
    if min(one.units for one in situation.units) < FEWEST or all(one.absolute.low is None for one in goal.comparisons):
        return _ended(situation, _waiting(situation))
    if plan.is_placebo:
        return _ended(situation, _placebo(goal))
    return _ended(situation, _compared(situation, goal))


def _mismatch(situation: Situation) -> str:
    worst = max(situation.units, key=lambda one: round(abs(one.share - one.planned_share), 9))
    sizes = f"{100 * worst.share:.1f} % of the units instead of {100 * worst.planned_share:.1f} %"
    return f"Nothing may be concluded: {worst.name} has {sizes}, so units are lost or counted wrongly."


def _waiting(situation: Situation) -> Verdict:
    smallest = min(situation.units, key=lambda one: one.units)
    if smallest.units < FEWEST:
        return Verdict(
            "waiting", f"It is too early to say anything: {smallest.name} has {count_of_units(smallest.units)}."
        )
    if situation.plan.inference is InferenceKind.GROUP_SEQUENTIAL:
        if situation.plan.planned_units is None:
            return Verdict("waiting", "The test has planned looks, but no planned size: it allows no conclusion.")
        return Verdict("waiting", f"The first planned look has not come yet: {_share_of_plan(situation)}.")
    name = "" if situation.goal is None else situation.goal.name
    return Verdict("waiting", f"It is too early to say anything: {name} has no spread in some arm.")


def _placebo(goal: MetricResult) -> Verdict:
    significant = [one for one in goal.comparisons if one.is_significant]
    if significant:
        numbers = _interval(significant[0], goal)
        return Verdict(
            "unhealthy", f"All arms are the same, yet {goal.name.lower()} is {numbers}: check the measuring."
        )
    return Verdict("no_difference", f"All arms are the same (A/A), and {goal.name.lower()} shows no difference.")


def _compared(situation: Situation, goal: MetricResult) -> Verdict:
    """Return the verdict of a healthy comparison with numbers."""
    winners = [one for one in goal.comparisons if one.is_significant and one.is_better]
    losers = [one for one in goal.comparisons if one.is_significant and not one.is_better]
    breached = [(rail, one) for rail in situation.guardrails for one in rail.comparisons if _is_breached(one)]
    leader = _leader(goal)
    if winners:
        best = max(winners, key=_gain)
        mine = [pair for pair in breached if pair[1].arm == best.arm]
        if mine:
            return Verdict("worse", f"{_moved(situation, goal, best)}, but {_harm(mine[0])}: roll it back.", best.arm)
        return Verdict("better", f"{_moved(situation, goal, best)}: {_advice(situation, best)}.", best.arm)
    if breached:
        rail, one = breached[0]
        return Verdict("worse", f"{_name_of(situation, one.arm)}{_capital(_harm((rail, one)))}: roll it back.", leader)
    if len(losers) == len(goal.comparisons):
        worst = min(losers, key=_gain)
        advice = "personalization costs" if situation.plan.design.kind == "holdout" else "roll it back"
        return Verdict("worse", f"{_moved(situation, goal, worst)}: {advice}.", leader)
    return _open(situation, goal, leader)


def _open(situation: Situation, goal: MetricResult, leader: str | None) -> Verdict:
    """Return the verdict where nothing is significant."""
    best = next((one for one in goal.comparisons if one.arm == leader), goal.comparisons[0])
    progress, plan, name = situation.progress, situation.plan, goal.name.lower()
    numbers = f"{_arm_name(situation, best.arm)} is " if _many(situation) else ""
    numbers += _interval(best, goal)
    if plan.inference is InferenceKind.FIXED and not situation.is_readable and plan.ended_at is None:
        text = f"The test can be read at its planned size: {_share_of_plan(situation)}. So far {name}: {numbers}."
        return Verdict("undecided", text, leader)
    if progress.is_futile:
        chance = percent(progress.predictive_power or 0.0)
        text = f"An improvement of {name} can hardly be shown any more: {numbers}, and the chance is {chance}."
        return Verdict("futile", text, leader)
    if _is_over(situation):
        return Verdict("no_difference", f"The plan is full, and {name} shows no difference: {numbers}.", leader)
    return Verdict("undecided", f"Nothing may be concluded about {name} yet: {numbers}{_left(situation)}.", leader)


def _ended(situation: Situation, verdict: Verdict) -> Verdict:
    """Return the verdict of an experiment that has ended: what was done, and what the numbers say."""
    design, plan = situation.plan.design, situation.plan
    if design.status not in ("stopped", "shipped", "archived"):
        return verdict
    names = {arm.key: arm.name for arm in design.arms}
    if design.status == "shipped" or (design.status == "archived" and plan.final_arm not in ("", plan.arm_keys[0])):
        opening = f"{names.get(plan.final_arm, plan.final_arm)} was shipped"
    else:
        opening = "The experiment was stopped"
    goal = situation.goal
    if goal is None or verdict.level == "waiting" or not goal.comparisons:
        return Verdict("ended", f"{opening} before anything could be said.", verdict.leader)
    shipped = next((one for one in goal.comparisons if one.arm == plan.final_arm), None)
    best = shipped or next((one for one in goal.comparisons if one.arm == verdict.leader), goal.comparisons[0])
    unbiased = _unbiased(best, goal)
    return Verdict("ended", f"{opening}: {goal.name.lower()} {_interval(best, goal)}{unbiased}.", verdict.leader)


def _is_over(situation: Situation) -> bool:
    information = situation.progress.information
    over = situation.progress.days >= situation.plan.maximum_days and situation.plan.design.kind != "holdout"
    return over or (information is not None and information >= 1)


def _leader(goal: MetricResult) -> str | None:
    """Return the arm with the best value so far, None while the control is best."""
    sign = 1 if goal.higher_is_better else -1
    ahead = [one for one in goal.comparisons if sign * (one.absolute.value or 0.0) > 0]
    return max(ahead, key=lambda one: sign * (one.absolute.value or 0.0)).arm if ahead else None


def _gain(one: ArmComparison) -> float:
    size = abs(one.absolute.value or 0.0)
    return size if one.is_better else -size


def _is_breached(one: ArmComparison) -> bool:
    return one.guardrail is not None and one.guardrail.is_breached


def _moved(situation: Situation, goal: MetricResult, one: ArmComparison) -> str:
    """Return `Revenue per visitor is 3.1 % higher (1.2 % to 5.0 %)`, with the arm's name where there are several."""
    name = goal.name.lower() if _many(situation) else goal.name
    return f"{_name_of(situation, one.arm)}{name} is {_interval(one, goal)}"


def _harm(pair: tuple[MetricResult, ArmComparison]) -> str:
    rail, one = pair
    return f"{rail.name.lower()} is {_interval(one, rail)}, beyond the harm that was allowed"


def _advice(situation: Situation, best: ArmComparison) -> str:
    if situation.plan.design.kind == "holdout":
        return "this is what personalization adds"
    open_rails = [
        rail.name.lower()
        for rail in situation.guardrails
        for one in rail.comparisons
        if one.arm == best.arm and not (one.guardrail and one.guardrail.holds)
    ]
    if situation.progress.days < situation.plan.minimum_days:
        return f"ship it once it has run for {situation.plan.minimum_days} days"
    if open_rails:
        return f"ship it once {open_rails[0]} is known to hold"
    return "ship it, or go on watching"


def _interval(one: ArmComparison, metric: MetricResult) -> str:
    """Return `3.1 % higher (1.2 % to 5.0 %)`, absolute where a share cannot be said or its interval contradicts."""
    effect, show = (one.relative, percent) if one.is_shown_relative else (one.absolute, short_number)
    if effect.value is None:
        return "not known"
    direction = "higher" if effect.value >= 0 else "lower"
    size = show(abs(effect.value))
    if effect.low is None or effect.high is None:
        return f"{size} {direction}"
    return f"{size} {direction} ({show(effect.low)} to {show(effect.high)})"


def _unbiased(one: ArmComparison, goal: MetricResult) -> str:
    """Return the median-unbiased effect as a share, where there is one."""
    effect, value, share = one.median_unbiased, one.absolute.value, one.relative.value
    if effect is None or effect.value is None or not value or share is None:
        return ""
    corrected = effect.value * share / value
    return f", corrected for the time of stopping {percent(abs(corrected))} {'higher' if corrected >= 0 else 'lower'}"


def _left(situation: Situation) -> str:
    days = situation.progress.days_left
    if days is None or situation.plan.design.kind == "holdout":
        return ""
    count = max(1, round(days))
    return f", about {count} {'day' if count == 1 else 'days'} left"


def _share_of_plan(situation: Situation) -> str:
    information = situation.progress.information
    if information is None:
        left = situation.progress.days_left
        return f"{round(left or 0)} days are left"
    return f"{percent(min(information, 1.0))} of its units are there"


def _many(situation: Situation) -> bool:
    return len(situation.plan.design.arms) > 2


def _name_of(situation: Situation, arm: str) -> str:
    """Return `Warm: ` where there are several treatments, else nothing."""
    return f"{_arm_name(situation, arm)}: " if _many(situation) else ""


def _arm_name(situation: Situation, arm: str) -> str:
    return next(one.name for one in situation.units if one.arm == arm)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
