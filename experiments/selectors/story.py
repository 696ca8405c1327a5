"""What happened to one experiment: its design in words' reach, looks over time, proposals of its policy, its steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import F, Func, JSONField

from audit.staff import names_of
from common.errors import NotFound
from experiments.models import Experiment, Look, Proposal, Step

MOST_LOOKS: Final = 240
"""Looks of a chart: more would be less than two pixels apart."""
MOST_STEPS: Final = 100
GOAL_COMPARISONS: Final = """'$.metrics[*] ? (@.role == "goal").comparisons'"""


@dataclass(frozen=True, slots=True)
class LookPoint:
    """The goal's comparisons at one look, as JSON."""

    number: int
    at: datetime
    comparisons: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ProposedStep:
    """What the policy would do, or did. `by` names who answered, "" while it is open."""

    action: str
    arm: str
    reason: str
    state: str
    at: datetime
    decided_at: datetime | None
    by: str


@dataclass(frozen=True, slots=True)
class TakenStep:
    """One step. `by` is a person's user name, or the system."""

    number: int
    action: str
    at: datetime
    by: str
    reason: str
    is_undone: bool


@dataclass(frozen=True, slots=True)
class Story:
    """An experiment beside its numbers. `levels` are those of each arm, by its key; `factors` those of each factor."""

    pk: int
    key: str
    name: str
    hypothesis: str
    learnings: str
    policy_mode: str
    coverage: float
    minimum_effect: float
    started_at: datetime | None
    ended_at: datetime | None
    factors: Mapping[str, list[str]]
    levels: Mapping[str, Mapping[str, str]]
    looks: tuple[LookPoint, ...]
    proposals: tuple[ProposedStep, ...]
    steps: tuple[TakenStep, ...]


def key_of(pk: int) -> str:
    """Return the key of an experiment. Raises NotFound."""
    key = Experiment.objects.filter(pk=pk).values_list("key", flat=True).first()
    if key is None:
        raise NotFound(f"There is no experiment {pk}.")
    return key


def story_of(key: str) -> Story:
    """Return the story of an experiment, its newest steps and proposals first. Raises NotFound."""
    row = Experiment.objects.prefetch_related("arms").filter(key=key).first()
    if row is None:
        raise NotFound(f"There is no experiment {key}.")
    steps = list(row.steps.order_by("-number")[:MOST_STEPS])
    proposals = list(row.proposals.all()[:MOST_STEPS])
    names = names_of([*(one.actor for one in steps), *(one.decided_by for one in proposals)])
    return Story(
        pk=row.pk,
        key=row.key,
        name=row.name,
        hypothesis=row.hypothesis,
        learnings=row.learnings,
        policy_mode=row.policy_mode,
        coverage=row.coverage,
        minimum_effect=row.minimum_effect,
        started_at=row.started_at,
        ended_at=row.ended_at,
        factors=row.factors,
        levels={arm.key: arm.levels for arm in row.arms.all()},
        looks=_looks(row),
        proposals=tuple(_proposed(one, names) for one in proposals),
        steps=tuple(_step_of(one, names) for one in steps),
    )


def _looks(row: Experiment) -> tuple[LookPoint, ...]:
    """Return the looks, thinned out evenly to those that a chart can show, the last one kept."""
    goal = Func(
        F("results"), template=f"jsonb_path_query_first(%(expressions)s, {GOAL_COMPARISONS})", output_field=JSONField()
    )
    last = Look.objects.filter(experiment=row).order_by("-number").values_list("number", flat=True).first() or 0
    every = -(-last // MOST_LOOKS) or 1
    looks = Look.objects.filter(experiment=row).annotate(goal=goal, turn=(last - F("number")) % every).filter(turn=0)
    return tuple(
        LookPoint(number, at, tuple(comparisons or ()))
        for number, at, comparisons in looks.order_by("number").values_list("number", "at", "goal")
    )


def _proposed(row: Proposal, names: Mapping[str, str]) -> ProposedStep:
    return ProposedStep(
        row.action, row.arm, row.reason, row.state, row.at, row.decided_at, names.get(row.decided_by, "")
    )


def _step_of(row: Step, names: Mapping[str, str]) -> TakenStep:
    return TakenStep(row.number, row.action, row.at, names[row.actor], row.reason, row.undone_by_id is not None)
