"""Policies of experiments: what the rules decide is recommended, put before a person, or done; all of it audited."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from audit.services import record
from common import clock
from common.errors import Conflict, InvalidInput, NotFound
from experiments.models import Experiment, PolicyMode, PolicyPause, Proposal, Status, Step
from experiments.policy import Decision
from experiments.selectors.policies import policies_pause, read_outlook
from experiments.services.lifecycle import ship, stop, stop_arm
from experiments.services.ramps import ramp
from experiments.services.steps import audit_value, locked

POLICY: Final = "system:policy"
log = logging.getLogger(__name__)


def apply_policies(*, now: datetime | None = None) -> int:
    """Apply the policy of each experiment that has one; return how many failed. One that fails stops no other.

    While all policies are paused it does nothing: open proposals wait as they are.
    """
    if policies_pause() is not None:
        return 0
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
    """Do what the policy's mode asks; return the first proposal that is open, or was applied, now.

    Each decision is a proposal of its own: one that waits or was declined hides no other.

    A proposal that no longer holds expires. What a person undid or declined rests for `EXPERIMENT_REST_HOURS`. Raises
    NotFound.
    """
    row, now = locked(key), now or clock.now()
    is_active = row.status == Status.RUNNING and row.policy_mode != PolicyMode.OFF
    decisions = read_outlook(row, now=now).decisions if is_active else ()
    decisions = tuple(one for one in decisions if not _rests(row, one, now))
    is_automatic = row.policy_mode == PolicyMode.AUTOMATIC
    open_ones = _keep_open(row, () if is_automatic else decisions, now)
    if is_automatic:
        proposals = [_take(row, one, now) for one in _steps_of_now(decisions)]
    else:
        proposals = [one if one is not None else _open(row, decision, now) for decision, one in open_ones]
    return next(iter(proposals), None)


@transaction.atomic
def approve(proposal_id: int, *, actor: str, now: datetime | None = None) -> Step:
    """Apply an open proposal; return the step, which can be undone.

    The rules are asked again at this moment. Raises NotFound, and Conflict where the proposal no longer holds, has an
    answer already, or belongs to a policy that asks for no approval.
    """
    proposal, now = _open_proposal(proposal_id), now or clock.now()
    row = proposal.experiment
    if policies_pause() is not None:
        raise Conflict("All policies are paused: resume them, or take the step yourself.")
    if row.policy_mode != PolicyMode.APPROVE:
        raise Conflict("This policy asks for no approval: take the step yourself.")
    decisions = read_outlook(row, now=now).decisions if row.status == Status.RUNNING else ()
    decision = next((one for one in decisions if _is_about(proposal, one)), None)
    if decision is None:
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


@transaction.atomic
def pause_policies(*, actor: str, reason: str) -> PolicyPause:
    """Keep all policies from doing and proposing anything. Raises InvalidInput without a reason, and Conflict."""
    if not reason.strip():
        raise InvalidInput.of("reason", "must say why")
    row, is_new = PolicyPause.objects.get_or_create(
        defaults={"at": clock.now(), "actor": actor, "reason": reason.strip()}
    )
    if not is_new:
        raise Conflict("All policies are paused already.")
    _record_pause("policies_paused", actor, detail={"reason": row.reason})
    return row


@transaction.atomic
def resume_policies(*, actor: str) -> None:
    """Let all policies go on. Raises Conflict where they are not paused."""
    n_deleted, _ = PolicyPause.objects.all().delete()
    if not n_deleted:
        raise Conflict("No policy is paused.")
    _record_pause("policies_resumed", actor)


def _record_pause(verb: str, actor: str, *, detail: Mapping[str, Any] | None = None) -> None:
    record(category="experiment", action=f"experiment.{verb}", actor=actor, object="experiments", detail=detail)


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


def _steps_of_now(decisions: Sequence[Decision]) -> list[Decision]:
    """Return what is done at once: each arm that did harm is rolled back; else the first decision is taken."""
    by_arm: dict[str, Decision] = {}
    for one in decisions:
        if one.action == "roll_back":
            by_arm.setdefault(one.arm, one)
    return list(by_arm.values()) or list(decisions[:1])


def _take(row: Experiment, decision: Decision, now: datetime) -> Proposal:
    proposal = _new(row, decision, now)
    return _applied(proposal, decision, _take_step(row.key, decision, actor=POLICY), now)


def _keep_open(row: Experiment, decisions: Iterable[Decision], now: datetime) -> list[tuple[Decision, Proposal | None]]:
    """Return each decision with its open proposal, None where it has none yet; proposals without a decision expire."""
    waiting = list(row.proposals.filter(state=Proposal.State.OPEN).order_by("at", "pk"))
    pairs: list[tuple[Decision, Proposal | None]] = []
    for decision in decisions:
        proposal = next((one for one in waiting if _is_about(one, decision)), None)
        pairs.append((decision, proposal))
        waiting = [one for one in waiting if one != proposal]
    for one in waiting:
        one.state, one.decided_at, one.decided_by = Proposal.State.EXPIRED, now, POLICY
        one.save()
        _record(one, "proposal_expired", POLICY)
    return pairs


def _open(row: Experiment, decision: Decision, now: datetime) -> Proposal:
    """Open a proposal. One that expired a short time ago opens again: numbers near a bound go to and fro."""
    expired = row.proposals.filter(
        state=Proposal.State.EXPIRED, action=decision.action, arm=decision.arm, decided_at__gt=now - _rest_time()
    )
    for one in expired:
        if _is_about(one, decision):
            one.state, one.decided_at, one.decided_by = Proposal.State.OPEN, None, ""
            one.save()
            _record(one, "proposal_reopened", POLICY)
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
    if decision.action == "roll_back":
        return stop_arm(key, arm=decision.arm, actor=actor, reason=decision.sentence, basis=basis)
    return stop(key, actor=actor, reason=decision.sentence, basis=basis)


def _is_about(proposal: Proposal, decision: Decision) -> bool:
    """Tell whether a proposal is to do the same as a decision by the same rule, whatever the numbers are by now."""
    same = (proposal.rule, proposal.action, proposal.arm) == (decision.rule, decision.action, decision.arm)
    return same and proposal.inputs.get("share") == decision.share


def _rests(row: Experiment, decision: Decision, now: datetime) -> bool:
    """Tell whether a person undid the same step, or declined it by the same rule, a short time ago.

    The policy does not argue. Another rule has another reason, which a person has not answered yet.
    """
    since = now - _rest_time()
    undone = Q(state=Proposal.State.APPLIED, step__undone_by__at__gt=since)
    declined = Q(state=Proposal.State.DECLINED, decided_at__gt=since, rule=decision.rule)
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
