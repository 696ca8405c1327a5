"""One stage of a ramp: a winner gets a larger share of all traffic, and nobody who has it loses it."""

from django.db import transaction

from common.errors import Conflict, InvalidInput
from experiments.edits import check_step
from experiments.models import Experiment, Kind, Step
from experiments.ramp import EVERYBODY, Traffic, traffic_at
from experiments.services.lifecycle import NO_BASIS, Basis
from experiments.services.steps import Change, State, begin_epoch, locked, save, state_of, write_step


@transaction.atomic
def ramp(key: str, *, arm: str, share: float, actor: str, reason: str = "", basis: Basis = NO_BASIS) -> Step:
    """Give an arm this share of all traffic, below 1; return the step. The last stage is `ship`.

    The coverage grows first. Only where that is not enough do weights change, in a new epoch. Raises NotFound, Conflict
    for a status or a share that does not go up, InvalidInput for another arm.
    """
    row = locked(key)
    check_step("ramp", row.status)  # type: ignore[arg-type]  # a choice of the model
    before = state_of(row)
    after = _traffic_after(row, before, arm, share)
    row.coverage, row.ramp_arm = after.coverage, arm
    arms = [{**one, "weight": after.weights[one["key"]]} for one in before["arms"]]
    is_new_split = arms != before["arms"]
    save(row, arms=arms if is_new_split else None)
    if is_new_split:
        begin_epoch(row)
    return write_step(row, Change("ramped", actor, reason, basis), before=before)


def _traffic_after(row: Experiment, before: State, arm: str, share: float) -> Traffic:
    if row.kind == Kind.HOLDOUT:
        raise Conflict("A hold-out has no winner to ramp.")
    traffic = Traffic(row.coverage, {one["key"]: one["weight"] for one in before["arms"]})
    if arm not in list(traffic.weights)[1:]:
        raise InvalidInput.of("arm", f"there is no arm {arm} besides the control")
    if row.ramp_arm not in ("", arm):
        raise Conflict(f"{row.ramp_arm} is on its way to everybody already: undo its ramp first.")
    if not share < EVERYBODY:
        raise InvalidInput.of("share", "must be below 1: the last stage ships the arm")
    if share <= traffic.share(arm):
        raise Conflict(f"{arm} has {traffic.share(arm):g} of all traffic already: a ramp only goes up.")
    return traffic_at(traffic, arm, share)
