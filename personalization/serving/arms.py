"""Which experiments decide about one answer, and what their arms change.

Placements are named `placement:KEY` and rules `rule:ID` among the targets of experiments.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from experiments.arms import Assignment, Subject, assign
from experiments.design import HELD_OUT, LiveExperiments
from experiments.services.sticky import arm_keeper
from personalization.rules.rule_set import Rule
from personalization.selectors.placements import PlacementConfig, changed_config
from personalization.serving.experiment_subject import ExperimentSubject
from personalization.serving.payloads import OF_STRATEGY, RULES, settings_of

NOBODY: Final = Subject({}, consents=False)


@dataclass(frozen=True, slots=True)
class Trial:
    """The arms that decide about one answer. `whom` they were assigned to; None for nobody, and in a replay."""

    assignments: tuple[Assignment, ...] = ()
    holdout: Assignment | None = None
    whom: ExperimentSubject | None = None

    @property
    def held_out(self) -> bool:
        """Whether the shopper gets no personalization, to see what it brings."""
        return self.holdout is not None and self.holdout.index == HELD_OUT

    @property
    def in_force(self) -> tuple[tuple[str, str], ...]:
        """Experiment and arm of each that was chosen by lot or by staff: what the answer depends on."""
        if not self.assignments and not self.held_out:
            return ()
        chosen = [one for one in self.assignments if one.is_in_force]
        if self.holdout is not None and self.held_out:
            chosen.append(self.holdout)
        return tuple((one.design.key, one.arm_key) for one in chosen)

    @property
    def exposed(self) -> tuple[Assignment, ...]:
        """The assignments by lot: to see such an answer is an exposure, in every arm."""
        every = (*self.assignments, *(() if self.holdout is None else (self.holdout,)))
        return tuple(one for one in every if one.participates)

    def placement(self, config: PlacementConfig) -> PlacementConfig:
        """Return the placement with what the arms change of it."""
        for one in self.assignments:
            if one.is_in_force and one.payload is not None and one.design.payload_kind != RULES:
                config = changed_config(config, settings_of(one.design.payload_kind, one.payload))
        return config

    def rules(self, rules: Sequence[Rule]) -> tuple[Rule, ...]:
        """Return the rules without those that an arm switches off."""
        off = {
            rule_id
            for one in self.assignments
            if one.is_in_force and one.payload is not None and one.design.payload_kind == RULES
            for rule_id in one.payload["off"]
        }
        return tuple(rule for rule in rules if rule.id not in off) if off else tuple(rules)

    def note(self) -> None:
        """Keep the arms for the next visit, and count who got the control without consent. Never waits."""
        if self.whom is None:
            return
        if not self.whom.subject.consents and any(self.whom.sticky.values()):
            arm_keeper.release(self.whom.subject.raw_ids)
        for one in self.exposed:
            arm_keeper.keep(one, self.whom.subject, self.whom.sticky)
        for one in self.assignments:
            if one.why == "no_consent":
                arm_keeper.count(one.design.key, one.arm_key, "no_consent")


NO_TRIAL: Final = Trial()


def trial_of(
    live: LiveExperiments,
    placement: str,
    rules: Iterable[Rule],
    whom: ExperimentSubject | None,
    *,
    has_own_strategy: bool,
) -> Trial:
    """Return the arms for an answer of a placement to which these rules would apply.

    A request that names its own strategy is decided by no experiment on strategies. `whom` is None for nobody.
    """
    if not live.decides_answers:
        return NO_TRIAL
    subject = NOBODY if whom is None else whom.subject
    holdout = None if live.holdout is None else assign(live.holdout, subject)
    if holdout is not None and holdout.index == HELD_OUT:
        return Trial((), holdout, whom)
    targets = [f"placement:{placement}", *(f"rule:{rule.id}" for rule in rules)] if live.by_target else []
    designs = {one.key: one for target in targets for one in live.by_target.get(target, ())}
    if has_own_strategy:
        designs = {key: one for key, one in designs.items() if one.payload_kind not in OF_STRATEGY}
    assignments = tuple(assign(designs[key], subject, live) for key in sorted(designs))
    return Trial(assignments, holdout, whom) if assignments or holdout is not None else NO_TRIAL
