"""Policies of experiments: what the rules decide is recommended, put before a person, or done; all of it audited."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from audit.services import record
from common import clock
from common.errors import Conflict, InvalidInput, NotFound
from experiments.models import Experiment, PolicyMode, Proposal, Status, Step
from experiments.policy import Decision
from experiments.selectors.policies import read_outlook
from experiments.services.lifecycle import ship, stop
from experiments.services.ramps import ramp
from experiments.services.steps import audit_value, locked

POLICY: Final = "system:policy"
log = logging.getLogger(__name__)


def apply_policies(*, now: datetime | None = None) -> int:
    """Apply the policy of each experiment that has one; return how many failed. One that fails stops no other."""
    running = Q(status=Status.RUNNING) & ~Q(policy_mode=PolicyMode.OFF)
    keys = Experiment.objects.filter(running | Q(proposals__state=Proposal.State.OPEN)).distinct().order_by("key")
    n_failed = 0
    for key in keys.values_list("key", flat=True):
        try:
            apply_policy(key, now=now)
        except Exception:
            n_failed += 1
            log.exception("experiment.policy_failed key=%s", key)
    return n_failed


@transaction.atomic
def apply_policy(key: str, *, now: datetime | None = None) -> Proposal | None:
    """Do what the policy's mode asks; return the proposal that is open, or was applied, now.

    A proposal that no longer holds expires. What a person undid or declined rests for `EXPERIMENT_REST_HOURS`. Raises
    NotFound.
    """
    row, now = locked(key), now or clock.now()
    is_active = row.status == Status.RUNNING and row.policy_mode != PolicyMode.OFF
    decision = read_outlook(row, now=now).decision if is_active else None
    if decision is not None and _rests(row, decision, now):
        decision = None
    is_automatic = row.policy_mode == PolicyMode.AUTOMATIC
    open_one = _keep_open(row, None if is_automatic else decision, now)
    if decision is None or open_one is not None:
        return open_one
    if not is_automatic:
        return _open(row, decision, now)
    proposal = _new(row, decision, now)
    return _applied(proposal, decision, _take_step(key, decision, actor=POLICY), now)


@transaction.atomic
def approve(proposal_id: int, *, actor: str, now: datetime | None = None) -> Step:
    """Apply an open proposal; return the step, which can be undone.

    The rules are asked again at this moment. Raises NotFound, and Conflict where the proposal no longer holds, has an
    answer already, or belongs to a policy that asks for no approval.
    """
    proposal, now = _open_proposal(proposal_id), now or clock.now()
    row = proposal.experiment
    if row.policy_mode != PolicyMode.APPROVE:
        raise Conflict("This policy asks for no approval: take the step yourself.")
    decision = read_outlook(row, now=now).decision if row.status == Status.RUNNING else None
    if decision is None or not _is_about(proposal, decision):
        raise Conflict("The proposal no longer holds: the numbers have changed since.")
    step = _take_step(row.key, decision, actor=actor, proposal=proposal)
    _applied(proposal, decision, step, now, actor=actor)
    return step


@transaction.atomic
def decline(proposal_id: int, *, actor: str, reason: str, now: datetime | None = None) -> Proposal:
    """Decline an open proposal; the policy rests with it for `EXPERIMENT_REST_HOURS`.

    Raises NotFound, Conflict, and InvalidInput without a reason.
    """
    if not reason.strip():
        raise InvalidInput.of("reason", "must say why")
    proposal = _open_proposal(proposal_id)
    proposal.state, proposal.answer = Proposal.State.DECLINED, reason.strip()
    proposal.decided_at, proposal.decided_by = now or clock.now(), actor
    proposal.save()
    _record(proposal, "proposal_declined", actor, detail={"reason": proposal.answer})
    return proposal


def _open_proposal(proposal_id: int) -> Proposal:
    """Return an open proposal with its experiment, both locked. The experiment comes first, as in `apply_policy`."""
    key = Proposal.objects.filter(pk=proposal_id).values_list("experiment__key", flat=True).first()
    if key is None:
        raise NotFound(f"There is no proposal {proposal_id}.")
    row = locked(key)
    proposal = Proposal.objects.get(pk=proposal_id)
    proposal.experiment = row
    if proposal.state != Proposal.State.OPEN:
        raise Conflict(f"This proposal is {proposal.get_state_display().lower()} already.")
    return proposal


def _keep_open(row: Experiment, decision: Decision | None, now: datetime) -> Proposal | None:
    """Return the open proposal that still holds; the others expire."""
    open_one = None
    for one in row.proposals.filter(state=Proposal.State.OPEN):
        if open_one is None and decision is not None and _is_about(one, decision):
            open_one = one
        else:
            one.state, one.decided_at, one.decided_by = Proposal.State.EXPIRED, now, POLICY
            one.save()
    return open_one


def _open(row: Experiment, decision: Decision, now: datetime) -> Proposal:
    """Open a proposal. One that expired a short time ago opens again: numbers near a bound go to and fro."""
    expired = row.proposals.filter(
        state=Proposal.State.EXPIRED, action=decision.action, arm=decision.arm, decided_at__gt=now - _rest_time()
    )
    for one in expired:
        if _is_about(one, decision):
            one.state, one.decided_at, one.decided_by = Proposal.State.OPEN, None, ""
            one.save()
            return one
    proposal = _new(row, decision, now)
    _record(proposal, "proposed", POLICY)
    return proposal


def _new(row: Experiment, decision: Decision, now: datetime) -> Proposal:
    return Proposal.objects.create(
        experiment=row,
        action=decision.action,
        arm=decision.arm,
        rule=decision.rule,
        reason=decision.sentence,
        inputs=decision.inputs,
        at=now,
    )


def _applied(proposal: Proposal, decision: Decision, step: Step, now: datetime, *, actor: str = POLICY) -> Proposal:
    """Note what was done, with the numbers of that moment."""
    proposal.state, proposal.step, proposal.decided_at, proposal.decided_by = Proposal.State.APPLIED, step, now, actor
    proposal.rule, proposal.reason, proposal.inputs = decision.rule, decision.sentence, decision.inputs
    proposal.save()
    return proposal


def _take_step(key: str, decision: Decision, *, actor: str, proposal: Proposal | None = None) -> Step:
    basis: dict[str, Any] = {"rule": decision.rule, "action": decision.action, "arm": decision.arm}
    basis |= {"inputs": decision.inputs, **({} if proposal is None else {"proposal": proposal.pk})}
    if decision.action == "ship":
        return ship(key, arm=decision.arm, actor=actor, reason=decision.sentence, basis=basis)
    if decision.share is not None:
        return ramp(key, arm=decision.arm, share=decision.share, actor=actor, reason=decision.sentence, basis=basis)
    return stop(key, actor=actor, reason=decision.sentence, basis=basis)


def _is_about(proposal: Proposal, decision: Decision) -> bool:
    """Tell whether a proposal is to do the same as a decision, whatever the numbers are by now."""
    same = (proposal.action, proposal.arm) == (decision.action, decision.arm)
    return same and proposal.inputs.get("share") == decision.share


def _rests(row: Experiment, decision: Decision, now: datetime) -> bool:
    """Tell whether a person undid or declined the same a short time ago: the policy does not argue."""
    since = now - _rest_time()
    undone = Q(state=Proposal.State.APPLIED, step__undone_by__at__gt=since)
    declined = Q(state=Proposal.State.DECLINED, decided_at__gt=since)
    return row.proposals.filter(undone | declined, action=decision.action, arm=decision.arm).exists()


def _rest_time() -> timedelta:
    return timedelta(hours=settings.EXPERIMENT_REST_HOURS)


def _record(proposal: Proposal, verb: str, actor: str, *, detail: Mapping[str, Any] | None = None) -> None:
    """Write what happened to a proposal into the audit log, with the rule and every number that it saw."""
    data = {"proposal": proposal.pk, "action": proposal.action, "arm": proposal.arm, "rule": proposal.rule}
    record(
        category="experiment",
        action=f"experiment.{verb}",
        actor=actor,
        object=f"experiment:{proposal.experiment.key}",
        data={**data, "inputs": audit_value(proposal.inputs)},
        detail=detail,
    )
