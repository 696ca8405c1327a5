"""Exports of the log: requested by a person, a key or a command, written by a worker, each on the log itself."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import F, Q

from audit import signing
from audit.canonical import stamp
from audit.export_files import EventMissing, Written, write_export
from audit.models import AuditExport, ExportFormat, ExportState
from audit.selectors import open_keys
from audit.selectors.segments import EXACT, Segment, segment_of
from audit.services import record
from common import clock
from common.errors import InvalidInput
from common.ids import uuid7
from common.pseudonyms import staff_subject

TASK: Final = "audit.write_export"
SILENCE: Final = timedelta(seconds=60)
"""After this time without progress an export is handed to a worker again."""
MOST_STARTS: Final = 5
WAITING: Final = (ExportState.QUEUED, ExportState.RUNNING)
NO_EVENTS: Final = "There is no signed event in this time."
log = logging.getLogger(__name__)


def declared_filter(
    *, since: datetime | None = None, until: datetime | None = None, **exact: str | None
) -> dict[str, str]:
    """Return the filter as a manifest declares it: times as the log writes them, the subject by its pseudonym.

    Raises InvalidInput for a time that ends before it begins and for a subject that the log does not know.
    """
    if since and until and since >= until:
        raise InvalidInput.of("until", "must be later than since")
    declared = {name: exact[name] or "" for name in EXACT if exact.get(name)}
    if "subject" in declared:
        subject = staff_subject(declared["subject"])
        keys = open_keys(subject)
        if keys is None:
            raise InvalidInput.of("subject", "the log has no events about them, or they were erased")
        declared["subject"] = keys.pseudonym(subject)
    times = {"since": since, "until": until}
    return {**{name: stamp(at) for name, at in times.items() if at}, **declared}


def queue_export(*, format: str, declared: Mapping[str, str], actor: str) -> AuditExport:
    """Record that somebody wants an export, and hand it to a worker. Raises InvalidInput for an unknown format."""
    if format not in ExportFormat.values:
        raise InvalidInput.of("format", f"must be one of {', '.join(ExportFormat.values)}")
    with transaction.atomic():
        now = clock.real_now()
        row = AuditExport.objects.create(
            id=uuid7(), actor=actor, format=format, filter=dict(declared), created_at=now, heartbeat_at=now
        )
        _record("requested", row, actor=actor, data={"fields": sorted(declared)}, detail=dict(declared))
        transaction.on_commit(lambda: _to_worker(row.pk))
    return row


def run_export(export_id: UUID) -> None:
    """Write the export. A message that comes twice does no harm: only a whole file gets its name."""
    begun = AuditExport.objects.filter(pk=export_id, state__in=WAITING).update(
        state=ExportState.RUNNING, starts=F("starts") + 1, heartbeat_at=clock.real_now()
    )
    if not begun:
        return
    row = AuditExport.objects.get(pk=export_id)
    segment = segment_of(row.filter)
    if segment is None:
        _end(row, ExportState.FAILED, NO_EVENTS)
        return
    row.first, row.end, row.position = segment.start, segment.end, segment.start
    row.save(update_fields=["first", "end", "position"])
    try:
        written = write_file(
            path_of(row.pk), segment, format=row.format, declared=row.filter, progress=lambda at: _note(row, at)
        )
    except (EventMissing, ImproperlyConfigured, OSError) as error:
        log.error("audit.export_failed export=%s error=%s", row.pk, error)
        _end(row, ExportState.FAILED, str(error))
    else:
        row.rows, row.bytes, row.sha256 = written.rows, written.bytes, written.sha256
        row.save(update_fields=["rows", "bytes", "sha256"])
        _end(row, ExportState.DONE, "")


def write_file(
    path: Path,
    segment: Segment,
    *,
    format: str,
    declared: Mapping[str, str],
    progress: Callable[[int], None] = lambda position: None,
) -> Written:
    """Write an export to a zip file with the log's key."""
    return write_export(
        path,
        segment,
        format=format,
        declared=declared,
        signer=signing.signer(),
        progress=progress,
    )


def note_download(row: AuditExport, *, actor: str) -> Path:
    """Record that somebody takes the file, and return it. Raises FileNotFoundError."""
    path = path_of(row.pk)
    if not path.exists():
        raise FileNotFoundError(path)
    _record("downloaded", row, actor=actor)
    return path


def resume_exports() -> None:
    """Hand silent exports to a worker again, end hopeless ones, delete files whose time is over."""
    now = clock.real_now()
    silent = AuditExport.objects.filter(state__in=WAITING).filter(
        Q(heartbeat_at=None) | Q(heartbeat_at__lt=now - SILENCE)
    )
    for row in silent:
        if row.starts >= MOST_STARTS:
            _end(row, ExportState.FAILED, f"It stopped {row.starts} times; the worker's log says why.")
        else:
            _to_worker(row.pk)
    for row in AuditExport.objects.filter(finished_at__lt=now - timedelta(days=settings.AUDIT_EXPORT_DAYS)):
        path_of(row.pk).unlink(missing_ok=True)
        row.delete()


def path_of(export_id: UUID) -> Path:
    """Return where the file is. Web processes and workers share this folder."""
    return Path(settings.MEDIA_ROOT) / "audit-exports" / f"{export_id}.zip"


def record_command(*, format: str, declared: Mapping[str, str], segment: Segment, written: Written) -> None:
    """Record an export that a command wrote to a file of its own."""
    data = {"format": format, "fields": sorted(declared), "start": segment.start, "end": segment.end}
    record(
        category="audit",
        action="audit_export.completed",
        actor="system:command",
        object=f"audit_export:{uuid7()}",
        data={**data, "rows": written.rows, "sha256": written.sha256},
        detail=dict(declared) or None,
    )


def _note(row: AuditExport, position: int) -> None:
    AuditExport.objects.filter(pk=row.pk).update(position=position, heartbeat_at=clock.real_now())


def _end(row: AuditExport, state: ExportState, message: str) -> None:
    with transaction.atomic():
        ended = AuditExport.objects.filter(pk=row.pk, state__in=WAITING).update(
            state=state, message=message, finished_at=clock.real_now()
        )
        if ended:
            verb = "completed" if state == ExportState.DONE else "failed"
            data = {"start": row.first, "end": row.end, "rows": row.rows, "sha256": row.sha256}
            _record(verb, row, actor=row.actor, data=data)


def _record(
    verb: str,
    row: AuditExport,
    *,
    actor: str,
    data: Mapping[str, Any] | None = None,
    detail: Mapping[str, str] | None = None,
) -> None:
    record(
        category="audit",
        action=f"audit_export.{verb}",
        actor=actor,
        object=f"audit_export:{row.pk}",
        data={"format": row.format, **(data or {})},
        detail=detail or None,
    )


def _to_worker(export_id: UUID) -> None:
    current_app.send_task(TASK, args=[str(export_id)])
