"""Alarms: raised by training and the nightly watch, settled by staff or by the next good measurement."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import IntegrityError, transaction

from audit.services import record
from common import clock
from common.errors import Forbidden
from modelops.models import (
    AlarmKind,
    ModelAlarm,
    ModelVersion,
    TrainingRun,
)
from recsys.data.data_checks import Check, failed
from recsys.evaluation.report_values import storable

SETTLE = "modelops.change_modelalarm"
log = logging.getLogger(__name__)


def raise_or_settle(
    kind: AlarmKind,
    checks: Sequence[Check],
    *,
    actor: str,
    version: ModelVersion | None = None,
    run: TrainingRun | None = None,
) -> ModelAlarm | None:
    """Raise the alarm if a check failed; if all passed, settle the open alarm and return None.

    The alarm stays open for checks that failed before and were not measured this time.
    """
    try:
        return _raise_or_settle(kind, checks, actor=actor, version=version, run=run)
    except IntegrityError:  # another process raised it at the same moment: now the select finds it
        return _raise_or_settle(kind, checks, actor=actor, version=version, run=run)


@transaction.atomic
def _raise_or_settle(
    kind: AlarmKind,
    checks: Sequence[Check],
    *,
    actor: str,
    version: ModelVersion | None,
    run: TrainingRun | None,
) -> ModelAlarm | None:
    alarm_open = ModelAlarm.objects.select_for_update().filter(kind=kind, settled_at=None).first()
    unmeasured = _unmeasured(alarm_open, checks) if alarm_open is not None else []
    if not failed(checks):
        if alarm_open is not None and unmeasured:
            _note(alarm_open, [*checks, *unmeasured])
            alarm_open.save(update_fields=["message", "checks"])
        elif alarm_open is not None:
            _settle(alarm_open, actor=actor, by=None)
        return None
    now = clock.now()
    alarm = alarm_open or ModelAlarm(kind=kind, raised_at=now, times=0)
    _note(alarm, [*checks, *unmeasured])
    alarm.latest_at, alarm.model_version, alarm.run, alarm.times = now, version, run, alarm.times + 1
    alarm.save()
    log.warning("model.alarm kind=%s times=%d message=%s", kind.value, alarm.times, alarm.message)
    _record("alarm.raised", alarm, actor=actor)
    return alarm


def _unmeasured(alarm: ModelAlarm, checks: Sequence[Check]) -> list[Check]:
    """Return the checks that failed before and were not measured this time."""
    names = {one.name for one in checks}
    return [read_check(one) for one in alarm.checks if not one["passed"] and one["name"] not in names]


def read_check(stored: Mapping[str, Any]) -> Check:
    """Return a check from its JSON, in which NaN is stored as null."""
    return Check(**{**stored, **{name: math.nan for name in ("value", "bar") if stored[name] is None}})


def _note(alarm: ModelAlarm, checks: Sequence[Check]) -> None:
    alarm.message, alarm.checks = "; ".join(failed(checks)), storable([asdict(one) for one in checks])


@transaction.atomic
def settle(alarm_id: int, *, by: AbstractUser) -> ModelAlarm:
    """Settle an alarm by hand; a settled one stays unchanged. Raises Forbidden."""
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
