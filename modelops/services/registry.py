"""The model registry: a trained bundle becomes a version; one version at a time is live. The row decides."""

import logging
import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from audit.services import record
from common import clock
from common.config_version import announce
from common.errors import Conflict
from modelops.live import directory_of
from modelops.models import (
    AlarmKind,
    ModelState,
    ModelVersion,
    ModelWaiver,
    TrainingRun,
)
from modelops.selectors.registry import (
    live_version,
    previous_champion,
    valid_waiver,
    version_named,
)
from modelops.services.alarms import read_check, sound
from modelops.services.atomic_files import draft, whole
from modelops.services.mirror import mirror_soon
from recsys.evaluation.report_values import headline, storable
from recsys.ranking.model import LOADING_ERRORS, HybridModel

log = logging.getLogger(__name__)
LOCK = 0x766D_7267
"""Advisory lock of the registry: numbering, promotion and rollback happen one at a time."""


def register(
    bundle: HybridModel, *, report: Mapping[str, Any], actor: str, run: TrainingRun | None = None
) -> ModelVersion:
    """Write the bundle under a new version, `YYYY-MM-DD.n`, as a challenger; the run that it came of names it.

    Raises Unavailable where it cannot be written.
    """
    written = draft()
    with whole(written):
        artefact_hash = bundle.save(written)
        with transaction.atomic():
            row = _registered(bundle, written, artefact_hash, report=report, actor=actor)
            if run is not None:  # with the row, or a run that is killed between the two says that nothing was changed
                TrainingRun.objects.filter(pk=run.pk).update(model_version=row)
            return row


def promote(version: str, *, actor: str, over: str | None = None) -> ModelVersion:
    """Make the version live; the former champion retires. Live in every process within its next poll.

    `over` names the version that the decision was made against, "" where none was live; None takes the place of
    whatever is live. An alarm is raised where it answers unlike what was live when it was trained. Raises NotFound;
    Conflict where another is live by now, for a version that has not passed the gate and has no valid waiver, and for
    one whose artefact is not what was registered.
    """
    with transaction.atomic():
        one_at_a_time()
        row = version_named(version)
        if row.state == ModelState.CHAMPION:
            return row
        _still_live(over)
        steady = row.report.get("stability") if row.promoted_at is None else None  # else it tells of another time
        live = _enthroned(row, action="model.promoted", actor=actor, waiver=_permission(row))
        if steady:
            sound(AlarmKind.STABILITY, [read_check(steady)], actor=actor, version=live)
        return live


def roll_back(*, actor: str, over: str | None = None) -> ModelVersion:
    """Make the version live again that was live before.

    `over` names the version that is to go; None whatever is live. Raises Conflict where there is none to go back to,
    and where another is live by now: a second click would bring back the version that was just taken away.
    """
    with transaction.atomic():
        one_at_a_time()
        _still_live(over)
        row = previous_champion()
        if row is None:
            raise Conflict("No version was live before this one.")
        waiver = _held_waiver(row) if row.failed else None
        return _enthroned(row, action="model.rolled_back", actor=actor, waiver=waiver)


def _still_live(over: str | None) -> None:
    live = ModelVersion.objects.filter(state=ModelState.CHAMPION).values_list("version", flat=True).first() or ""
    if over is not None and over != live:
        now = f"{live} is live" if live else "none is live"
        raise Conflict(f"By now {now}, not {over or 'none'}: look again, and decide anew.")


def _registered(
    bundle: HybridModel, written: Path, artefact_hash: str, *, report: Mapping[str, Any], actor: str
) -> ModelVersion:
    one_at_a_time()
    version = _next_version()
    directory = Path(settings.MODEL_DIR) / version
    shutil.rmtree(directory, ignore_errors=True)  # left by a transaction that was rolled back
    written.rename(directory)
    row = ModelVersion.objects.create(
        version=version,
        directory=version,
        artefact_hash=artefact_hash,
        data_hash=str(bundle.manifest.get("data", "")),
        seed=int(bundle.manifest.get("seed", 7)),
        stage=bundle.stage,
        metrics=headline(report),
        report=storable(report),
    )
    _record("model.registered", row, actor=actor, data={"stage": row.stage})
    return row


def _permission(row: ModelVersion) -> ModelWaiver | None:
    """Return the waiver that lets the version go live, None where it needs none. Raises Conflict where it must not."""
    if row.passed and row.state != ModelState.REFUSED:
        return None
    if row.passed:
        raise Conflict(f"{row.version} was refused: {row.refusal}")
    if not row.gate:
        raise Conflict(f"{row.version} was never judged: only what passed the gate goes live. Train anew.")
    return _held_waiver(row)


def _held_waiver(row: ModelVersion) -> ModelWaiver:
    """Return the waiver that lets a refused version go live; who takes it back meanwhile waits, and comes too late."""
    waiver = valid_waiver(row, now=clock.now(), held=True)
    if waiver is None:
        raise Conflict(f"{row.version} was refused: {row.refusal}. A waiver takes two persons.")
    return waiver


def _enthroned(row: ModelVersion, *, action: str, actor: str, waiver: ModelWaiver | None = None) -> ModelVersion:
    _check_artefact(row)
    former = live_version()
    if former is not None:
        former.state, former.retired_at = ModelState.RETIRED, clock.now()
        former.save(update_fields=["state", "retired_at"])
    row.state, row.promoted_at, row.retired_at = ModelState.CHAMPION, _moment_after(former), None
    row.increment = {}  # of when it was live before
    row.save(update_fields=["state", "promoted_at", "retired_at", "increment"])
    former_name = former.version if former else None
    _record(action, row, actor=actor, data={"former": former_name, **(_waived(row, waiver) if waiver else {})})
    announce()
    mirror_soon(row.version)
    return row


def _moment_after(former: ModelVersion | None) -> datetime:
    """Return now or, where the clock was put back, a moment behind the last promotion: rollbacks go by the order."""
    now, last = clock.now(), former.promoted_at if former else None
    return now if last is None else max(now, last + timedelta(microseconds=1))


def _waived(row: ModelVersion, waiver: ModelWaiver) -> dict[str, Any]:
    """Return what the audit log keeps of a promotion that a waiver allowed."""
    return {
        "waiver": waiver.pk,
        "requested_by": f"staff:{waiver.requested_by_id}",
        "approved_by": f"staff:{waiver.approved_by_id}",
        "failed": row.failed_checks,
    }


def _check_artefact(row: ModelVersion) -> None:
    if row.pruned_at is not None:
        raise Conflict(
            f"{row.version} cannot go live: its artefact was deleted on {row.pruned_at:%Y-%m-%d}, those of the newest"
            f" {settings.MODELS_KEPT} versions are kept (MODELS_KEPT). A new training learns anew."
        )
    try:
        HybridModel.load(directory_of(row), expected=row.artefact_hash)  # as every process that serves will
    except LOADING_ERRORS as error:
        log.error("model.artefact_refused version=%s error=%s", row.version, error)
        why = str(error).removeprefix(f"{row.directory}: ").rstrip(".")
        raise Conflict(
            f"{row.version} cannot go live: {why}. Bring back its files from a backup, promote another version, or "
            "train anew."
        ) from error


def _next_version() -> str:
    day = clock.now().date().isoformat()
    numbers = ModelVersion.objects.filter(version__startswith=f"{day}.").values_list("version", flat=True)
    return f"{day}.{max((int(version.rpartition('.')[2]) for version in numbers), default=0) + 1}"


def one_at_a_time() -> None:
    """Wait, within a transaction, until nobody else numbers, promotes, rolls back or puts an increment in place."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _record(action: str, row: ModelVersion, *, actor: str, data: Mapping[str, Any]) -> None:
    facts = {"version": row.version, "artefact_hash": row.artefact_hash, **data}
    record(category="model", action=action, actor=actor, object=f"model_version:{row.version}", data=facts)
