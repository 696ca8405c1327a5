"""Waivers: one person requests, another approves, both are audited; only then may a refused version go live.

Either of them may close the waiver again.
"""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import transaction

from access.accounts import require_confirmed
from audit.services import record
from common import clock
from common.errors import Conflict, Forbidden, InvalidInput
from modelops.models import ModelState, ModelWaiver
from modelops.models.waiver import LONGEST
from modelops.selectors.registry import version_named, waiver_waits
from modelops.services.registry import registry_lock

ASK, APPROVE = "modelops.add_modelwaiver", "modelops.approve_modelwaiver"


def request_waiver(version: str, *, by: AbstractUser, reason: str, days: int) -> ModelWaiver:
    """Request that a version may go live although it failed the gate; the waiver expires after `days`.

    Raises Forbidden, also for an account that nobody confirmed. Raises NotFound, InvalidInput, and Conflict for a
    version that needs no waiver.
    """
    _require(by, ASK)
    require_confirmed(by)
    if not reason.strip():
        raise InvalidInput.of("reason", "say why this version should go live although it failed")
    if not 1 <= days <= LONGEST.days:
        raise InvalidInput.of("days", f"a waiver lasts 1 to {LONGEST.days} days")
    with transaction.atomic():
        registry_lock()  # otherwise two requests could pass at once, or the artifact be deleted meanwhile
        row = version_named(version)
        if not row.gate or row.passed or row.state == ModelState.CHAMPION:
            raise Conflict(f"{version} needs no waiver: only a version that failed the gate does.")
        if row.pruned_at is not None:
            raise Conflict(f"{version} cannot go live any more: its artifact was deleted.")
        now = clock.now()
        if waiver_waits(row, now=now):
            raise Conflict(f"A waiver of {version} is requested already: somebody else must approve it.")
        waiver = ModelWaiver.objects.create(
            model_version=row,
            reason=reason.strip(),
            requested_by_id=by.pk,
            requested_at=now,
            expires_at=now + timedelta(days=days),
        )
        _record("waiver.requested", waiver, by, detail={"reason": waiver.reason})
    return waiver


def approve_waiver(waiver_id: int, *, by: AbstractUser) -> ModelWaiver:
    """Approve somebody else's waiver.

    Raises Forbidden, also for an account that nobody confirmed: otherwise whoever manages accounts could act as both
    persons. Raises Conflict for one's own waiver, and for an approved, closed or expired one.
    """
    _require(by, APPROVE)
    require_confirmed(by)
    with transaction.atomic():
        waiver = _open_waiver(waiver_id)
        if waiver.requested_by_id == by.pk:
            raise Conflict("A waiver takes two persons: somebody else must approve it.")
        if waiver.approved_by_id is not None:
            raise Conflict("This waiver is approved already.")
        waiver.approved_by_id, waiver.approved_at = by.pk, clock.now()
        waiver.save(update_fields=["approved_by", "approved_at"])
        _record("waiver.approved", waiver, by, detail=None)
    return waiver


def close_waiver(waiver_id: int, *, by: AbstractUser) -> ModelWaiver:
    """Decline a waiver or take it back. A version that went live by it stays live.

    Allowed for the requester and for all who may approve. Raises Forbidden; Conflict for a closed or expired waiver.
    """
    with transaction.atomic():
        waiver = _open_waiver(waiver_id)
        if waiver.requested_by_id != by.pk or not by.is_active:
            _require(by, APPROVE)
        waiver.closed_by_id, waiver.closed_at = by.pk, clock.now()
        waiver.save(update_fields=["closed_by", "closed_at"])
        _record("waiver.closed", waiver, by, detail=None)
    return waiver


def _open_waiver(waiver_id: int) -> ModelWaiver:
    waiver = ModelWaiver.objects.select_for_update(of=("self",)).get(pk=waiver_id)
    if waiver.closed_by_id is not None:
        raise Conflict("This waiver was closed: ask for another one.")
    if waiver.expires_at <= clock.now():
        raise Conflict("This waiver has run out.")
    return waiver


def _require(person: AbstractUser, permission: str) -> None:
    if not (person.is_active and person.has_perm(permission)):
        raise Forbidden("You may not do this.")


def _record(action: str, waiver: ModelWaiver, by: AbstractUser, *, detail: dict[str, Any] | None) -> None:
    """Audit the action; the free text of the reason goes into the deletable detail."""
    row = waiver.model_version
    record(
        category="model",
        action=action,
        actor=f"staff:{by.pk}",
        object=f"model_version:{row.version}",
        data={
            "waiver": waiver.pk,
            "version": row.version,
            "requested_by": f"staff:{waiver.requested_by_id}",
            "expires_at": waiver.expires_at.isoformat(),
            "failed": row.failed_checks,
        },
        detail=detail,
    )
