"""Imports of product files: kept as a file and a row, written by a worker in short transactions.

An import may be killed at any moment and run again: each batch is written together with the row's progress, so it
continues where it stopped, and two workers on one file never write a batch twice.
"""

import csv
import hashlib
import logging
import os
import uuid
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from audit.services import record
from catalog import services
from catalog.import_files import rows_of
from catalog.models import ImportState, ProductImport
from catalog.records import RejectedLine, WriteCounts
from common import clock
from common.errors import Conflict, NotFound

TASK: Final = "catalog.import_products"
BATCH: Final = 500
"""Rows of one transaction: another writer of one of these products waits as long as it takes, about 0.1 s."""
ERRORS_KEPT: Final = 1_000
"""Rejected rows that are listed; further ones are only counted."""
SILENCE: Final = timedelta(seconds=60)
"""After this time without progress an import is handed to a worker again."""
MOST_STARTS: Final = 10
"""An import that stopped so often would stop again."""
DRAFT_LIFE: Final = timedelta(days=1)
WAITING: Final = (ImportState.QUEUED, ImportState.RUNNING)
log = logging.getLogger(__name__)


def keep_file(chunks: Iterable[bytes], *, file_name: str, format: str, rows: int | None, actor: str) -> ProductImport:
    """Keep an uploaded file as a draft, which writes no product yet."""
    stored_as, digest, size = uuid.uuid4().hex, hashlib.sha256(), 0
    path = path_of(stored_as)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        os.chmod(path, 0o600)  # it holds the shop's costs
        for chunk in chunks:
            size += file.write(chunk)
            digest.update(chunk)
    return ProductImport.objects.create(
        file_name=file_name[:255],
        format=format,
        stored_as=stored_as,
        size=size,
        sha256=digest.hexdigest(),
        rows=rows,
        actor=actor,
    )


def path_of(stored_as: str) -> Path:
    """Return where a file is kept. Web processes and workers share this folder."""
    return Path(settings.MEDIA_ROOT) / "imports" / stored_as


def queue_import(import_id: int, *, actor: str) -> ProductImport:
    """Hand a draft, or an import that failed, to a worker; one that waits or runs stays as it is.

    Raises NotFound, and Conflict for an import that is done.
    """
    with transaction.atomic():
        row = ProductImport.objects.select_for_update().filter(pk=import_id).first()
        if row is None:
            raise NotFound(f"There is no import {import_id}.")
        if row.state == ImportState.DONE:
            raise Conflict("This file is imported. Upload it again to import it once more.")
        if row.state not in WAITING:
            row.state, row.starts, row.message, row.finished_at = ImportState.QUEUED, 0, "", None
            row.heartbeat_at = clock.real_now()
            row.save(update_fields=["state", "starts", "message", "finished_at", "heartbeat_at"])
            _record("product.import_queued", row, actor=actor)
        transaction.on_commit(lambda: _to_worker(import_id))
    return row


def discard(import_id: int) -> None:
    """Delete a draft and its file; any other import stays."""
    with transaction.atomic():
        row = ProductImport.objects.select_for_update().filter(pk=import_id, state=ImportState.DRAFT).first()
        if row is not None:
            path_of(row.stored_as).unlink(missing_ok=True)
            row.delete()


def run_import(import_id: int) -> None:
    """Import the file, or what is left of it. Bad rows are listed, the others written, batch by batch.

    It may run twice at once: whoever finds that the other wrote its batch stops.
    """
    begun = ProductImport.objects.filter(pk=import_id, state__in=WAITING).update(
        state=ImportState.RUNNING, starts=F("starts") + 1, heartbeat_at=clock.real_now()
    )
    if not begun:
        return
    ProductImport.objects.filter(pk=import_id, started_at=None).update(started_at=clock.real_now())
    row = ProductImport.objects.get(pk=import_id)
    try:
        with path_of(row.stored_as).open("rb") as file:
            for batch in _batches(rows_of(file, format=row.format), skipped=row.rows_done):
                if not _write(row, batch, position=file.tell()):
                    log.warning("import.other_process import=%s row=%s", row.pk, row.rows_done)
                    return
    except FileNotFoundError:
        _end(row, ImportState.FAILED, "The file is not here: web processes and workers must share MEDIA_ROOT.")
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        _end(
            row, ImportState.FAILED, f"The file cannot be read further, at row {row.rows_done + 1:,} or later: {error}."
        )
    else:
        _end(row, ImportState.DONE, "")


def resume_imports() -> int:
    """Hand silent imports to a worker again, end hopeless ones, delete old drafts; return how many go on."""
    now = clock.real_now()
    silent = ProductImport.objects.filter(state__in=WAITING).filter(
        Q(heartbeat_at=None) | Q(heartbeat_at__lt=now - SILENCE)
    )
    for row in silent.filter(starts__gte=MOST_STARTS):
        _end(row, ImportState.FAILED, f"It stopped {row.starts} times at row {row.rows_done + 1:,}. The log says why.")
    ids = list(silent.filter(starts__lt=MOST_STARTS).values_list("pk", flat=True))
    for import_id in ids:
        _to_worker(import_id, expires=SILENCE.total_seconds())
    for row in ProductImport.objects.filter(state=ImportState.DRAFT, created_at__lt=now - DRAFT_LIFE):
        discard(row.pk)
    return len(ids)


def import_rows(rows: Iterable[Any], *, actor: str, source: str) -> Iterator[tuple[WriteCounts, list[RejectedLine]]]:
    """Write rows batch by batch, each in a transaction of its own; yield what each did.

    Audit events hold its start, and the counts at its end or where it is stopped. Rows are as in
    `services.bulk_upsert`.
    """
    counts, rejected, rows_done = WriteCounts(), 0, 0
    services.note_import("product.import_started", actor=actor, data={"source": source})
    try:
        for batch in _batches(rows):
            products, bad = services.parse_rows(batch, first=rows_done + 1)
            with transaction.atomic():
                done = services.write_changed(dict(products))
            counts, rejected, rows_done = counts + done, rejected + len(bad), rows_done + len(batch)
            yield done, bad
    finally:
        data = {"source": source, "rows": rows_done, "rejected": rejected, **_plain(counts)}
        services.note_import("product.imported", actor=actor, data=data)


def _batches(rows: Iterable[Any], *, skipped: int = 0) -> Iterator[list[Any]]:
    source = islice(rows, skipped, None)
    while batch := list(islice(source, BATCH)):
        yield batch


def _write(row: ProductImport, batch: list[Any], *, position: int) -> bool:
    """Write the batch with the progress; return False if another process wrote it."""
    products, rejected = services.parse_rows(batch, first=row.rows_done + 1)
    with transaction.atomic():
        stored = ProductImport.objects.select_for_update().get(pk=row.pk)
        if (stored.state, stored.rows_done) != (ImportState.RUNNING, row.rows_done):
            return False
        counts = services.write_changed(dict(products))
        row.rows_done += len(batch)
        row.bytes_done, row.heartbeat_at = position, clock.real_now()
        row.created, row.changed = row.created + counts.created, row.changed + counts.changed
        # Of two rows with one id the later counts, so that the numbers add up to the rows.
        row.unchanged += counts.unchanged + len(products) - len(dict(products))
        row.rejected += len(rejected)
        row.errors = [*row.errors, *(_error(line, error) for line in rejected for error in line.errors)][:ERRORS_KEPT]
        row.save(
            update_fields=[
                *("rows_done", "bytes_done", "heartbeat_at"),
                *("created", "changed", "unchanged", "rejected", "errors"),
            ]
        )
    return True


def _error(line: RejectedLine, error: Any) -> dict[str, Any]:
    return {"row": line.line, "product_id": line.product_id, "field": error.field, "message": error.message}


def _end(row: ProductImport, state: ImportState, message: str) -> None:
    """End the import with its audit event; a file that is imported is deleted."""
    with transaction.atomic():
        ended = ProductImport.objects.filter(pk=row.pk, state__in=WAITING, rows_done=row.rows_done).update(
            state=state, message=message, finished_at=clock.real_now()
        )
        if not ended:
            return
        verb = "product.imported" if state == ImportState.DONE else "product.import_failed"
        _record(verb, row, actor=row.actor)
        transaction.on_commit(services.announce)
    if state == ImportState.DONE:
        path_of(row.stored_as).unlink(missing_ok=True)


def _record(action: str, row: ProductImport, *, actor: str) -> None:
    """Record an import with the hash of its file: the name may identify somebody, so it stands in the detail."""
    counts = {name: getattr(row, name) for name in ("rows_done", "created", "changed", "unchanged", "rejected")}
    record(
        category="catalog",
        action=action,
        actor=actor,
        object=f"import:{row.pk}",
        data={"sha256": row.sha256, **counts},
        detail={"file_name": row.file_name},
    )


def _plain(counts: WriteCounts) -> dict[str, int]:
    return {"created": counts.created, "changed": counts.changed, "unchanged": counts.unchanged}


def _to_worker(import_id: int, *, expires: float | None = None) -> None:
    current_app.send_task(TASK, args=[import_id], expires=expires)


def stored_file(row: ProductImport) -> IO[bytes]:
    """Return the kept file, to be closed by the caller. Raises FileNotFoundError."""
    return path_of(row.stored_as).open("rb")
