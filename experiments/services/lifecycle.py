"""The life of an experiment: start, ramp, weights, stop, ship, archive; and the way back from each step."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from django.db import transaction

from common import clock
from common.errors import Conflict, InvalidInput, NotFound
from experiments.design import Status
from experiments.edits import Action, check_coverage, check_step, check_undo
from experiments.models import Experiment, Exposure, Kind, Step, StickyArm
from experiments.payloads import targets_of
from experiments.services.designs import check_design, fields_of_table
from experiments.services.steps import Change, State, begin_epoch, locked, namespace_of, save, state_of, write_step

HOLDOUT: Final = "global-holdout"
Basis = Mapping[str, Any]
"""The rule of a policy and the numbers that it saw, for the audit log."""
NO_BASIS: Final[Basis] = {}


@transaction.atomic
def start(key: str, *, actor: str, reason: str = "", began_at: datetime | None = None) -> Step:
    """Start a draft; return the step. Raises NotFound, Conflict, InvalidInput.

    `began_at` is a time in the past since when shoppers got its arms; the step itself has the present time.
    """
    row = _locked_for("start", key)
    if began_at is not None and began_at > clock.now():
        raise InvalidInput.of("began_at", "must not be in the future")
    before = state_of(row)
    check_design(row, before["arms"])
    if not row.coverage:
        raise InvalidInput.of("coverage", "must be above 0: else nobody takes part")
    _check_rivals(row)
    row.status, row.started_at = "running", began_at or clock.now()
    save(row)
    begin_epoch(row, at=row.started_at)
    return write_step(row, Change("started", actor, reason), before=before)


@transaction.atomic
def change_coverage(key: str, *, coverage: float, actor: str, reason: str = "") -> Step:
    """Let a larger share of shoppers in; nobody inside is moved. Raises NotFound, Conflict, InvalidInput."""
    row = _locked_for("change_coverage", key)
    before = state_of(row)
    check_coverage(row.coverage, coverage)
    row.coverage = coverage
    save(row)
    return write_step(row, Change("coverage_changed", actor, reason), before=before)


@transaction.atomic
def change_weights(key: str, *, weights: Mapping[str, float], actor: str, reason: str = "") -> Step:
    """Split the traffic anew, by the key of each arm. It starts an epoch. Raises NotFound, Conflict, InvalidInput."""
    row = _locked_for("change_weights", key)
    before = state_of(row)
    if set(weights) != {arm["key"] for arm in before["arms"]}:
        raise InvalidInput.of("weights", "must name every arm once")
    arms = [{**arm, "weight": weights[arm["key"]]} for arm in before["arms"]]
    check_design(row, arms)
    if arms == before["arms"]:
        raise Conflict("These are the weights already.")
    save(row, arms=arms)
    begin_epoch(row)
    return write_step(row, Change("weights_changed", actor, reason), before=before)


@transaction.atomic
def stop(key: str, *, actor: str, reason: str = "", basis: Basis = NO_BASIS) -> Step:
    """End the experiment with the control for everybody; of a hold-out, with personalization for everybody.

    Raises NotFound and Conflict.
    """
    row = _locked_for("stop", key)
    return _end(row, "stopped", _arm_after_stop(row), Change("stopped", actor, reason, basis))


@transaction.atomic
def stop_arm(key: str, *, arm: str, actor: str, reason: str = "", basis: Basis = NO_BASIS) -> Step:
    """Give an arm's traffic to the control, in a new epoch. The last arm besides the control ends the experiment.

    Raises NotFound, Conflict, and InvalidInput for an arm that has no traffic to give.
    """
    row = _locked_for("stop", key)
    before = state_of(row)
    control, *others = before["arms"]
    running = [one["key"] for one in others if one["weight"] > 0]
    if arm not in running:
        raise InvalidInput.of("arm", f"there is no arm {arm} with traffic besides the control")
    if running == [arm]:
        return stop(key, actor=actor, reason=reason, basis=basis)
    share = _weights(before)[arm]
    weights = _weights(before) | {arm: 0.0, control["key"]: control["weight"] + share}
    row.ramp_arm = "" if row.ramp_arm == arm else row.ramp_arm
    save(row, arms=[{**one, "weight": weights[one["key"]]} for one in before["arms"]])
    begin_epoch(row)
    return write_step(row, Change("arm_stopped", actor, reason, basis), before=before)


@transaction.atomic
def ship(key: str, *, arm: str, actor: str, reason: str = "", basis: Basis = NO_BASIS) -> Step:
    """End the experiment with one arm for everybody. Raises NotFound, Conflict, and InvalidInput for another arm."""
    row = _locked_for("ship", key)
    if row.kind == Kind.HOLDOUT:
        raise Conflict("A hold-out has no winner: stop it.")
    if not row.arms.filter(key=arm).exists():
        raise InvalidInput.of("arm", f"there is no arm {arm}")
    return _end(row, "shipped", arm, Change("shipped", actor, reason, basis))


@transaction.atomic
def archive(key: str, *, actor: str, learnings: str | None = None, reason: str = "") -> Step:
    """Put the experiment away: it decides nothing any more. Raises NotFound and Conflict."""
    row = _locked_for("archive", key)
    before = state_of(row)
    row.status, row.learnings = "archived", row.learnings if learnings is None else learnings
    save(row)
    return write_step(row, Change("archived", actor, reason), before=before)


@transaction.atomic
def undo(handle: UUID | str, *, actor: str, reason: str = "") -> Step:
    """Take a step back; return the step that did so, which can be undone itself.

    Raises NotFound, and Conflict where a later step changed the same, where shoppers saw a started experiment, or where
    the table of edits does not allow it any more.
    """
    step = Step.objects.filter(pk=handle).select_related("experiment").first()
    if step is None:
        raise NotFound(f"There is no step {handle}.")
    row = locked(step.experiment.key)
    before = state_of(row)
    step.refresh_from_db()
    _check_undo(step, before)
    check_undo(fields_of_table(step.before, before), cast(Status, row.status))
    if step.action == "created":
        row.status = "archived"
        save(row)
    else:
        _restore(row, step.before)
    is_back = before["status"] != "running"
    if row.status == "running" and (is_back or _weights(before) != _weights(state_of(row))):
        begin_epoch(row)
    result = write_step(
        row, Change("undone", actor, reason or f"Undoes step {step.number}, {step.action}."), before=before
    )
    Step.objects.filter(pk=step.pk).update(undone_by=result)
    return result


def _locked_for(action: Action, key: str) -> Experiment:
    row = locked(key)
    check_step(action, cast(Status, row.status))
    return row


def _end(row: Experiment, status: Status, arm: str, change: Change) -> Step:
    before = state_of(row)
    row.status, row.final_arm, row.ramp_arm, row.ended_at = status, arm, "", clock.now()
    save(row)
    return write_step(row, change, before=before)


def _arm_after_stop(row: Experiment) -> str:
    keys = list(row.arms.order_by("position").values_list("key", flat=True))
    return keys[1] if row.kind == Kind.HOLDOUT else keys[0]


def _check_rivals(row: Experiment) -> None:
    """Raise Conflict where another live experiment changes the same thing for the same shoppers."""
    if not row.payload_kind:
        return
    mine = _targets(row)
    others = Experiment.objects.filter(payload_kind=row.payload_kind, status__in=("running", "shipped"))
    for other in others.exclude(pk=row.pk).order_by("key"):
        is_apart = row.namespace_id is not None and row.namespace_id == other.namespace_id and other.status == "running"
        if not is_apart and (both := mine & _targets(other)):
            raise Conflict(
                f"{other.key} changes {', '.join(sorted(both))} too. "
                "Put both into one namespace, or archive the other one first."
            )


def _targets(row: Experiment) -> frozenset[str]:
    return targets_of(row.payload_kind, list(row.arms.values_list("payload", flat=True)))


def _check_undo(step: Step, state: State) -> None:
    if step.undone_by_id is not None:
        raise Conflict("This step is undone already.")
    changed = [name for name, value in step.after.items() if state[name] != value]
    if changed:
        raise Conflict(f"A later step changed {', '.join(changed)}: undo that one first.")
    has_exposures = Exposure.objects.filter(experiment=step.experiment).exists()
    if step.action == "started" and (has_exposures or StickyArm.objects.filter(experiment=step.experiment).exists()):
        raise Conflict("Shoppers take part already: stop the experiment instead.")


def _restore(row: Experiment, state: Mapping[str, Any]) -> None:
    for name, value in state.items():
        if name == "namespace":
            row.namespace = namespace_of(value)
        elif name in ("started_at", "ended_at"):
            setattr(row, name, None if value is None else datetime.fromisoformat(value))
        elif name != "arms":
            setattr(row, name, value)
    save(row, arms=state.get("arms"))


def _weights(state: State) -> dict[str, float]:
    return {arm["key"]: arm["weight"] for arm in state["arms"]}
