"""What the admin's home shows of models: the live one, open alarms, waivers that wait."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from common import clock
from modelops.models import ModelAlarm, ModelVersion, ModelWaiver
from modelops.selectors.registry import live_version, valid_waiver


@dataclass(frozen=True, slots=True)
class LiveModel:
    """The champion with what was measured when it was trained; `waiver` in words where the gate had refused it."""

    version: str
    stage: str
    promoted_at: datetime | None
    metrics: dict[str, Any] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    waiver: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An open alarm about data or models; `title` is its kind in words."""

    id: int
    kind: str
    title: str
    message: str
    raised_at: datetime
    times: int


@dataclass(frozen=True, slots=True)
class WaitingWaiver:
    """A waiver that waits for a second person; `asked_by` is who asked, `expires_at` when it ends by itself."""

    id: int
    version: str
    asked_by: str
    asked_at: datetime
    expires_at: datetime


def live_model() -> LiveModel | None:
    """Return the champion, or None before anything was promoted."""
    row = live_version()
    if row is None:
        return None
    return LiveModel(row.version, row.stage, row.promoted_at, dict(row.metrics), dict(row.report), _waiver(row))


def _waiver(row: ModelVersion) -> str:
    if not row.failed:
        return ""
    waiver = valid_waiver(row, now=clock.now())
    until = f"by a waiver until {waiver.expires_at:%Y-%m-%d %H:%M} UTC" if waiver else "by a waiver that has ended"
    return f"refused by the gate, live {until}"


def open_alarms() -> list[Alarm]:
    """Return what somebody should look at, the latest first."""
    rows = ModelAlarm.objects.filter(settled_at=None)
    return [Alarm(row.pk, row.kind, row.get_kind_display(), row.message, row.raised_at, row.times) for row in rows]


def waiting_waivers(*, but_of: int | None) -> list[WaitingWaiver]:
    """Return the waivers that nobody has approved or closed, the one that ends first first; without a person's own."""
    waiting = ModelWaiver.objects.filter(approved_by=None, closed_by=None, expires_at__gt=clock.now())
    told = waiting.exclude(requested_by=but_of).order_by("expires_at", "pk")
    named = ("pk", "model_version__version", "requested_by__username", "requested_at", "expires_at")
    return [WaitingWaiver(*row) for row in told.values_list(*named)]
