"""What the policy of an experiment would do now, and by which rules: results in, decisions out. Pure.

The rules stand in the order in which they are tried. Harm comes first and waits for nothing. Chances to win decide
nothing, and no rule ever makes a losing arm the one that everybody gets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from experiments.fairness import GroupCheck, GroupGuardrail, group_checks
from experiments.policy_inputs import gain_low, gain_value, inputs_of
from experiments.policy_words import days_in_words, effect_in_words, name_of, share_in_words
from experiments.ramp import EVERYBODY, Traffic, next_stage
from experiments.results import ArmComparison, ExperimentResults
from experiments.stats.sequential import DEFAULT_N_STAR

Action = Literal["roll_back", "ramp", "ship", "stop_futile", "stop_at_maximum"]
Rule = Literal[
    "guardrail_breached",
    "group_breached",
    "goal_better",
    "goal_not_worse",
    "ramp_stage_over",
    "goal_worse_in_ramp",
    "futile",
    "plan_complete",
    "maximum_runtime",
]
LEAST_DAYS: Final = 7
"""Full days before anything ships: every weekday has been seen."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the installation asks of every experiment."""

    minimum_units: int = 1_000
    stale_after: timedelta = timedelta(hours=1)
    stage_time: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Ramp:
    """An arm on its way to everybody, and when its present stage began."""

    arm: str
    since: datetime


@dataclass(frozen=True, slots=True)
class PolicyState:
    """What is known besides the results.

    `goal_margin` is a share of the control's value. `n_star` counts the units of two arms. `has_final_look` says
    whether a test with a planned end was read there.
    """

    now: datetime
    traffic: Traffic
    limits: Limits = Limits()
    ramp: Ramp | None = None
    goal_margin: float | None = None
    groups: tuple[GroupGuardrail, ...] = ()
    n_star: float = DEFAULT_N_STAR
    has_final_look: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, for which arm, by which rule, and every number that the rule saw.

    `arm` is the one that everybody gets, or gets more often, and of a roll-back the one that did harm. `share` is the
    share of all traffic that a ramp gives to it.
    """

    action: Action
    arm: str
    rule: Rule
    sentence: str
    inputs: dict[str, Any]
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What each rule decides for each arm, the first rule first, and a sentence: why, or what the policy waits for."""

    decisions: tuple[Decision, ...]
    sentence: str

    @property
    def decision(self) -> Decision | None:
        """The decision of the first rule that has one."""
        return next(iter(self.decisions), None)


def decide(results: ExperimentResults, state: PolicyState) -> Decision | None:
    """Return what should be done now, None for nothing."""
    return outlook(results, state).decision


def outlook(results: ExperimentResults, state: PolicyState) -> Outlook:
    """Return what should be done now, or why nothing is."""
    checks = group_checks(results, state.groups, n_star=state.n_star)
    rules = _Rules(results, state, checks)
    by_rule: dict[tuple[Rule, str], Decision] = {}
    for one in rules.decisions():
        by_rule.setdefault((one.rule, one.arm), one)
    decisions = tuple(by_rule.values())
    return Outlook(decisions, decisions[0].sentence if decisions else rules.reason_to_wait)


class _Rules:
    """The rules of one experiment at one moment, in their order."""

    def __init__(self, results: ExperimentResults, state: PolicyState, checks: tuple[GroupCheck, ...]) -> None:
        self.results, self.state, self.checks = results, state, checks
        self.reason_to_wait = "No arm is shown to be better so far."
        self.harmful: set[str] = set()

    def decisions(self) -> Iterator[Decision]:
        """Yield the decisions of all rules that apply, the first rule first."""
        for breach in self._breaches():
            self.harmful.add(breach.arm)
            yield breach
        if self.state.ramp is None:
            yield from self._launch()
        else:
            yield from self._next_of_ramp(self.state.ramp)
        yield from self._maximum()

    def _breaches(self) -> Iterator[Decision]:
        for metric in self.results.guardrails:
            for one in metric.comparisons:
                if self._runs(one.arm) and one.guardrail is not None and one.guardrail.is_breached:
                    text = f"{self._name(one.arm)} harms {metric.name} beyond its margin: {effect_in_words(one)}."
                    yield self._decision("roll_back", one.arm, "guardrail_breached", text)
        for check in self.checks:
            if self._runs(check.arm) and check.is_breached:
                group = f"{check.dimension} {check.group}"
                text = f"{self._name(check.arm)} harms {check.metric} of the group {group} beyond its margin."
                yield self._decision("roll_back", check.arm, "group_breached", text)

    def _launch(self) -> Iterator[Decision]:
        if self._is_distrusted() or not self._is_long_enough() or not self._may_be_read():
            return
        winner = self._winner()
        if winner is not None:
            if not self._is_held_up(winner.arm):
                yield self._toward_everybody(winner)
        elif self._is_planned and self._is_complete() and self.state.has_final_look:
            text = "The plan is complete, and no arm is shown to be better."
            yield self._decision("stop_at_maximum", self._control, "plan_complete", text)
        elif self.results.progress.is_futile:
            text = "An improvement can hardly be shown any more within the plan."
            yield self._decision("stop_futile", self._control, "futile", text)

    def _next_of_ramp(self, ramp: Ramp) -> Iterator[Decision]:
        goal = self._comparison(ramp.arm)
        if goal is not None and goal.is_significant and gain_value(self.results.goal, goal) < 0:
            text = f"During its ramp {self._name(ramp.arm)} proved worse: {effect_in_words(goal)}."
            yield self._decision("roll_back", ramp.arm, "goal_worse_in_ramp", text)
            return
        if self._is_distrusted() or ramp.arm in self.harmful or self._is_held_up(ramp.arm) or goal is None:
            return
        if gain_value(self.results.goal, goal) <= -self._margin():
            self.reason_to_wait = f"{self._name(ramp.arm)} is no longer ahead: the ramp waits at this stage."
        elif self.state.now - ramp.since < self.state.limits.stage_time:
            share = share_in_words(self.state.traffic.share(ramp.arm))
            self.reason_to_wait = f"{self._name(ramp.arm)} has {share} of the traffic, and this stage is watched."
        else:
            yield self._step(ramp.arm, "ramp_stage_over", f"{effect_in_words(goal)}, and all guardrails hold.")

    def _maximum(self) -> Iterator[Decision]:
        """A ramp that goes on is not cut off; one that waits is."""
        days, most = self.results.progress.days, self.results.progress.maximum_days
        ramp, stage_time = self.state.ramp, self.state.limits.stage_time
        is_watched = ramp is not None and self.state.now - ramp.since < stage_time
        if days >= most and not is_watched:
            text = f"The maximum runtime of {most} days is over. {self.reason_to_wait}"
            yield self._decision("stop_at_maximum", self._control, "maximum_runtime", text)

    def _is_distrusted(self) -> bool:
        health = self.results.health
        if health.is_mismatch:
            self.reason_to_wait = "The shares of the arms differ from the plan, so nothing may be concluded or shipped."
        elif health.counted_until is None:
            self.reason_to_wait = "Nothing is counted yet."
        elif self.state.now - health.counted_until > self.state.limits.stale_after:
            at = f"{health.counted_until:%Y-%m-%d %H:%M} UTC"
            self.reason_to_wait = f"The numbers are old, counted until {at}, so nothing ships."
        else:
            return False
        return True

    def _is_long_enough(self) -> bool:
        minimum = max(LEAST_DAYS, self.results.progress.minimum_days)
        self.reason_to_wait = f"It runs for {days_in_words(self.results.progress.days)} of at least {minimum} days."
        return self.results.progress.days >= minimum

    def _may_be_read(self) -> bool:
        """A fixed test is read at its end alone. Of others the results say themselves what a look found."""
        if self.results.inference == "fixed" and not self._is_complete():
            self.reason_to_wait = "This test is read once, at its planned end."
            return False
        self.reason_to_wait = "No arm is shown to be better so far."
        return True

    def _is_complete(self) -> bool:
        """Tell whether the plan is full, or the runtime where no size is planned."""
        progress = self.results.progress
        if progress.information is None:
            return progress.days >= progress.maximum_days
        return progress.information >= 1

    def _winner(self) -> ArmComparison | None:
        """Return the arm with the greatest gain among those that are shown to be good enough."""
        goal = self.results.goal
        comparisons = () if goal is None else goal.comparisons
        good = [one for one in comparisons if self._is_candidate(one.arm) and self._is_good(one)]
        return max(good, key=lambda one: gain_value(goal, one), default=None)

    def _is_good(self, one: ArmComparison) -> bool:
        """Judge by the absolute effect. Several arms are corrected by Holm; a margin is for one arm alone.

        What a planned look found stands, as long as the arm is ahead: later numbers are no further looks.
        """
        low = gain_low(self.results.goal, one)
        if low is None:
            return False
        if self.state.goal_margin is not None and len(self.results.arms) == 2 and self._may_read_margin():
            return low > -self._margin()
        if self._is_planned:
            return one.is_significant and gain_value(self.results.goal, one) > 0
        return one.is_significant and one.adjusted_p_value <= self.results.alpha and low > 0

    def _may_read_margin(self) -> bool:
        """A margin is no finding of a look: a test with a planned end is read there alone."""
        return not self._is_planned or (self._is_complete() and self.state.has_final_look)

    def _is_candidate(self, arm: str) -> bool:
        return self._runs(arm) and arm not in self.harmful

    def _runs(self, arm: str) -> bool:
        """Tell whether the arm has traffic. One that was stopped on its own has none."""
        return self.state.traffic.weights.get(arm, 0.0) > 0

    def _margin(self) -> float:
        """Return the accepted harm to the goal, in its unit."""
        goal = self.results.goal
        base = None if goal is None else next((one.value for one in goal.arms if one.arm == self._control), None)
        return 0.0 if self.state.goal_margin is None or base is None else self.state.goal_margin * abs(base)

    def _is_held_up(self, arm: str) -> bool:
        """Say what keeps an arm from more shoppers: too few units, or a guardrail that does not hold yet."""
        minimum = self.state.limits.minimum_units
        if any(one.units < minimum for one in self.results.arms if one.arm in (arm, self._control)):
            self.reason_to_wait = f"{self._name(arm)} is ahead; both arms need {minimum:,} units before anything ships."
            return True
        for metric in self.results.guardrails:
            one = next((one for one in metric.comparisons if one.arm == arm), None)
            if one is None or one.guardrail is None or not one.guardrail.holds:
                self.reason_to_wait = (
                    f"{self._name(arm)} is ahead, but harm to {metric.name} beyond its margin is not excluded yet."
                )
                return True
        return False

    def _toward_everybody(self, winner: ArmComparison) -> Decision:
        low = gain_low(self.results.goal, winner)
        is_better = self.state.goal_margin is None or (low is not None and low > 0)
        finding = "is better" if is_better else "is not worse than the margin allows"
        text = f"it {finding}: {effect_in_words(winner)}, and all guardrails hold."
        return self._step(winner.arm, "goal_better" if is_better else "goal_not_worse", text)

    def _step(self, arm: str, rule: Rule, why: str) -> Decision:
        """Return the next stage of a ramp, or shipping where that is the last one."""
        share = next_stage(self.state.traffic.share(arm))
        if share >= EVERYBODY:
            return self._decision("ship", arm, rule, f"Ship {self._name(arm)}: {why}")
        text = f"Give {self._name(arm)} {share_in_words(share)} of the traffic: {why}"
        return self._decision("ramp", arm, rule, text, share)

    def _decision(self, action: Action, arm: str, rule: Rule, text: str, share: float | None = None) -> Decision:
        return Decision(action, arm, rule, text, inputs_of(self.results, self.state, self.checks, share), share)

    @property
    def _is_planned(self) -> bool:
        """Whether the test has a planned end."""
        return self.results.inference != "always_valid"

    @property
    def _control(self) -> str:
        return self.results.arms[0].arm

    def _name(self, arm: str) -> str:
        return name_of(self.results, arm)

    def _comparison(self, arm: str) -> ArmComparison | None:
        goal = self.results.goal
        return next((one for one in (() if goal is None else goal.comparisons) if one.arm == arm), None)
