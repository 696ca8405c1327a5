"""Alarms: raised by training and by the nightly watch, settled by people or by the next good measurement."""

import logging
from collections.abc import Sequence
from dataclasses import asdict

from django.contrib.auth.models import AbstractUser
from django.db import IntegrityError, transaction

from audit.services import record
from common import clock
from common.errors import Forbidden
from personalization.models import AlarmKind, ModelAlarm, ModelVersion, TrainingRun
from personalization.services.figures import storable
from personalization.training.quality_gate import Check, failed

SETTLE = "personalization.change_modelalarm"
log = logging.getLogger(__name__)


def sound(
    kind: AlarmKind,
    checks: Sequence[Check],
    *,
    actor: str,
    version: ModelVersion | None = None,
    run: TrainingRun | None = None,
) -> ModelAlarm | None:
    """Raise the alarm where a check does not hold; where all hold, settle the open one and return None.

    It stays open while something that failed was not measured again.
    """
    try:
        return _sounded(kind, checks, actor=actor, version=version, run=run)
    except IntegrityError:  # another process raised it between our look and our write: now it is there to be seen
        return _sounded(kind, checks, actor=actor, version=version, run=run)


@transaction.atomic
def _sounded(
    kind: AlarmKind,
    checks: Sequence[Check],
    *,
    actor: str,
    version: ModelVersion | None,
    run: TrainingRun | None,
) -> ModelAlarm | None:
    message = "; ".join(failed(checks))
    opened = ModelAlarm.objects.select_for_update().filter(kind=kind, settled_at=None).first()
    if not message:
        missed = {one["name"] for one in opened.checks if not one["passed"]} if opened is not None else set()
        if opened is not None and missed <= {one.name for one in checks}:
            _settle(opened, actor=actor, by=None)
        return None
    now = clock.now()
    alarm = opened or ModelAlarm(kind=kind, raised_at=now, times=0)
    alarm.message, alarm.checks, alarm.latest_at = message, storable([asdict(one) for one in checks]), now
    alarm.model_version, alarm.run, alarm.times = version, run, alarm.times + 1
    alarm.save()
    log.warning("model.alarm kind=%s times=%d message=%s", kind.value, alarm.times, message)
    _record("alarm.raised", alarm, actor=actor)
    return alarm


@transaction.atomic
def settle(alarm_id: int, *, by: AbstractUser) -> ModelAlarm:
    """Note that somebody has looked at it; one that is settled stays as it was. Raises Forbidden."""
    if not (by.is_active and by.has_perm(SETTLE)):
        raise Forbidden("You may not do this.")
    alarm = ModelAlarm.objects.select_for_update(of=("self",)).get(pk=alarm_id)
    if alarm.settled_at is None:
        _settle(alarm, actor=f"staff:{by.pk}", by=by)
    return alarm


def _settle(alarm: ModelAlarm, *, actor: str, by: AbstractUser | None) -> None:
    alarm.settled_at, alarm.settled_by_id = clock.now(), by.pk if by else None
    alarm.save(update_fields=["settled_at", "settled_by"])
    _record("alarm.settled", alarm, actor=actor)


def _record(action: str, alarm: ModelAlarm, *, actor: str) -> None:
    version = alarm.model_version.version if alarm.model_version else None
    data = {"kind": alarm.kind, "message": alarm.message, "version": version, "times": alarm.times}
    record(category="model", action=action, actor=actor, object=f"model_alarm:{alarm.pk}", data=data)
