"""What the policies of experiments would do now, and what waits for a person's answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from common import clock
from common.errors import NotFound
from experiments.models import Experiment, PolicyMode, PolicyPause, Proposal, Status
from experiments.policy import Limits, Outlook, PolicyState, Ramp, outlook
from experiments.ramp import Traffic
from experiments.results import ExperimentResults
from experiments.selectors.metrics import group_guardrails
from experiments.selectors.results import results_of
from experiments.stats.sequential import DEFAULT_N_STAR

ANSWERED = (PolicyMode.RECOMMEND, PolicyMode.APPROVE)


@dataclass(frozen=True, slots=True)
class WaitingProposal:
    """An open proposal, for pages. `can_be_approved`: a click applies it; else a person takes the step."""

    id: int
    experiment_id: int
    key: str
    name: str
    action: str
    arm: str
    sentence: str
    at: datetime
    can_be_approved: bool


def waiting_proposals(*, experiment_id: int | None = None) -> list[WaitingProposal]:
    """Return the open proposals of all experiments, or of one, the oldest first."""
    rows = Proposal.objects.filter(state=Proposal.State.OPEN).select_related("experiment").order_by("at", "pk")
    rows = rows if experiment_id is None else rows.filter(experiment_id=experiment_id)
    return [
        WaitingProposal(
            id=row.pk,
            experiment_id=row.experiment_id,
            key=row.experiment.key,
            name=row.experiment.name,
            action=row.action,
            arm=row.arm,
            sentence=row.reason,
            at=row.at,
            can_be_approved=row.experiment.policy_mode == PolicyMode.APPROVE,
        )
        for row in rows
    ]


def policies_pause() -> PolicyPause | None:
    """Return the pause of all policies, None while they are at work."""
    return PolicyPause.objects.first()


def policy_outlook(key: str, *, now: datetime | None = None, results: ExperimentResults | None = None) -> Outlook:
    """Return what the policy would do now whatever its mode, or what it waits for. Raises NotFound.

    `results` are those of this moment, where somebody has them already.
    """
    row = Experiment.objects.filter(key=key).first()
    if row is None:
        raise NotFound(f"There is no experiment {key}.")
    if row.status != Status.RUNNING:
        return Outlook((), "Only a running experiment has a next step.")
    if (pause := policies_pause()) is not None:
        return Outlook((), str(pause))
    return read_outlook(row, now=now or clock.now(), results=results)


def read_outlook(row: Experiment, *, now: datetime, results: ExperimentResults | None = None) -> Outlook:
    """Return the outlook of a running experiment, from its results at this moment."""
    groups = group_guardrails(row)
    results = results or results_of(row.key, at=now, with_breakdowns=bool(groups))
    state = PolicyState(
        now=now,
        traffic=Traffic(row.coverage, dict(row.arms.order_by("position").values_list("key", "weight"))),
        limits=limits(),
        ramp=_ramp(row, now),
        goal_margin=row.goal_margin,
        groups=groups,
        n_star=2.0 * row.planned_units if row.planned_units else DEFAULT_N_STAR,
        has_final_look=_has_final_look(row),
    )
    return outlook(results, state)


def policy_answer(key: str) -> dict[str, Any]:
    """Return the policy's mode, its next step or what it waits for, and open proposals. Raises NotFound."""
    mode = Experiment.objects.filter(key=key).values_list("policy_mode", flat=True).first()
    now = policy_outlook(key)
    decision = now.decision
    step = None if decision is None else {"action": decision.action, "arm": decision.arm, "rule": decision.rule}
    proposals = Proposal.objects.filter(experiment__key=key, state=Proposal.State.OPEN).order_by("at", "pk")
    ids = list(proposals.values_list("pk", flat=True))
    return {"mode": mode, "sentence": now.sentence, "next": step, "proposals": ids}


def limits() -> Limits:
    """Return what this installation asks of every experiment."""
    return Limits(
        minimum_units=settings.EXPERIMENT_MINIMUM_UNITS,
        stale_after=timedelta(hours=settings.EXPERIMENT_STALE_HOURS),
        stage_time=timedelta(hours=settings.EXPERIMENT_STAGE_HOURS),
    )


def _has_final_look(row: Experiment) -> bool:
    """Tell whether a look was stored at the planned size, or as the last one planned. True where no size is planned."""
    if not row.planned_units:
        return True
    looks = list(row.looks.values_list("units", flat=True))
    total = row.planned_units * row.arms.count()
    return len(looks) >= row.planned_looks or any(sum(units.values()) >= total for units in looks)


def _ramp(row: Experiment, now: datetime) -> Ramp | None:
    """Return the ramp that is under way: its stage began with the last step that was not undone."""
    if not row.ramp_arm:
        return None
    since = row.steps.filter(action="ramped", undone_by=None).order_by("-number").values_list("at", flat=True).first()
    return Ramp(row.ramp_arm, since or now)
