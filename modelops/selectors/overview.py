"""Models on the admin's home: the live one, open alarms, pending waivers."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q

from common import clock
from common.failures import Failure
from modelops.models import ModelAlarm, ModelState, ModelVersion, ModelWaiver
from modelops.selectors.registry import live_version, may_go_live, valid_waiver


@dataclass(frozen=True, slots=True)
class LiveModel:
    """The champion with the metrics of its training; `waiver` is in words, "" if it passed the gate."""

    version: str
    stage: str
    promoted_at: datetime | None
    metrics: dict[str, Any] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    waiver: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An open alarm about data or models; `title` names its kind."""

    id: int
    kind: str
    title: str
    message: str
    raised_at: datetime
    times: int


@dataclass(frozen=True, slots=True)
class WaitingWaiver:
    """A waiver that waits for a second person; `requested_by` is the first, `expires_at` when it ends by itself."""

    id: int
    version: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime


def live_model() -> LiveModel | None:
    """Return the champion, or None before anything was promoted."""
    row = live_version()
    if row is None:
        return None
    return LiveModel(row.version, row.stage, row.promoted_at, dict(row.metrics), dict(row.report), _waiver(row))


def version_to_promote() -> tuple[int, str] | None:
    """Return primary key and name of the newest version, if it may go live and is newer than the live one."""
    row = ModelVersion.objects.first()
    live = live_version()
    newer = row is not None and (live is None or row.created_at > live.created_at)
    return (row.pk, row.version) if row is not None and newer and may_go_live(row) else None


def _waiver(row: ModelVersion) -> str:
    if not row.failed:
        return ""
    waiver = valid_waiver(row, now=clock.now())
    until = f"by a waiver until {waiver.expires_at:%Y-%m-%d %H:%M} UTC" if waiver else "by a waiver that has ended"
    return f"refused by the gate, live {until}"


def open_alarms() -> list[Alarm]:
    """Return the open alarms, the latest first."""
    rows = ModelAlarm.objects.filter(settled_at=None)
    return [Alarm(row.pk, row.kind, row.get_kind_display(), row.message, row.raised_at, row.times) for row in rows]


def refused_versions(*, since: datetime) -> list[Failure]:
    """Return the versions that the gate refused since the moment, the newest first; the newest one at any time."""
    newest = ModelVersion.objects.values("pk")[:1]
    rows = ModelVersion.objects.filter(Q(created_at__gte=since) | Q(pk__in=newest), state=ModelState.REFUSED)
    rows = rows.defer("report", "metrics")
    return [Failure(row.pk, f"Version {row.version} was refused", row.refusal, row.created_at) for row in rows]


def waiting_waivers(*, except_of: int | None) -> list[WaitingWaiver]:
    """Return pending waivers, the first to expire first, except those that this person requested."""
    pending = ModelWaiver.objects.filter(approved_by=None, closed_by=None, expires_at__gt=clock.now())
    rows = pending.exclude(requested_by=except_of).order_by("expires_at", "pk")
    columns = ("pk", "model_version__version", "requested_by__username", "requested_at", "expires_at")
    return [WaitingWaiver(*row) for row in rows.values_list(*columns)]
