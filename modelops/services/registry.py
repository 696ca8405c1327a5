"""The model registry: registers a trained bundle as a version, promotes and rolls back. One version is live."""

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
from modelops.selectors.trained_versions import first_erasure_not_unlearned
from modelops.services.alarms import raise_or_settle, read_check
from modelops.services.atomic_files import draft_directory, removed_on_failure
from modelops.services.mirror import mirror_soon
from modelops.services.unlearning import holds_erased, unlearn_soon
from recsys.evaluation.report_values import headline, storable
from recsys.ranking.model import LOADING_ERRORS, HybridModel

log = logging.getLogger(__name__)
ERASURE_LAG = timedelta(hours=24)
"""How long after an erasure a version that learned from that shopper may still be promoted."""
LOCK = 0x766D_7267
"""Advisory lock of the registry: numbering, promotion and roll-back happen one at a time."""


def register(
    bundle: HybridModel, *, report: Mapping[str, Any], actor: str, run: TrainingRun | None = None
) -> ModelVersion:
    """Write the bundle as a new version, `YYYY-MM-DD.n`, in state challenger; link it to its run.

    Raises Unavailable if it cannot be written.
    """
    directory = draft_directory()
    with removed_on_failure(directory):
        artifact_hash = bundle.save(directory)
        with transaction.atomic():
            row = _register_row(bundle, directory, artifact_hash, report=report, actor=actor)
            if run is not None:  # in one transaction: a killed run must not claim that nothing changed
                TrainingRun.objects.filter(pk=run.pk).update(model_version=row)
            return row


def promote(version: str, *, actor: str, over: str | None = None) -> ModelVersion:
    """Make the version live and retire the current champion. Every process follows at its next poll.

    `over` is the live version that the decision was based on, "" for none; None skips that check. An alarm is raised if
    the stability check of the version failed. Raises NotFound. Raises Conflict if another version is live by now, the
    version neither passed the gate nor has a valid waiver, or its artifact is not what was registered. Raises it too
    if the version learned from a shopper whose erasure is more than a day old.
    """
    with transaction.atomic():
        registry_lock()
        row = version_named(version)
        if row.state == ModelState.CHAMPION:
            return row
        _check_still_live(over)
        _check_erasures(row)
        steady = (
            row.report.get("stability") if row.promoted_at is None else None
        )  # later promotions: the check is outdated
        live = _make_champion(row, action="model.promoted", actor=actor, waiver=_required_waiver(row))
        if steady:
            raise_or_settle(AlarmKind.STABILITY, [read_check(steady)], actor=actor, version=live)
        return live


def roll_back(*, actor: str, over: str | None = None) -> ModelVersion:
    """Make the previously live version live again.

    `over` is the version to replace; None means whichever is live. Raises Conflict if there is no previous version, or
    another version is live by now: a second click would restore the version that was just replaced.
    """
    with transaction.atomic():
        registry_lock()
        _check_still_live(over)
        row = previous_champion()
        if row is None:
            raise Conflict("No version was live before this one.")
        waiver = _locked_waiver(row) if row.failed else None
        return _make_champion(row, action="model.rolled_back", actor=actor, waiver=waiver)


def _check_still_live(over: str | None) -> None:
    live = ModelVersion.objects.filter(state=ModelState.CHAMPION).values_list("version", flat=True).first() or ""
    if over is not None and over != live:
        now = f"{live} is live" if live else "none is live"
        raise Conflict(f"By now {now}, not {over or 'none'}: look again, and decide again.")


def _check_erasures(row: ModelVersion) -> None:
    erased_at = first_erasure_not_unlearned(row, with_increment=False)
    if erased_at is not None and clock.now() - erased_at > ERASURE_LAG:
        raise Conflict(
            f"{row.version} learned from a shopper who was erased on {erased_at:%Y-%m-%d %H:%M} UTC, more than a day "
            "ago: train again, and promote the new version."
        )


def _register_row(
    bundle: HybridModel, written_to: Path, artifact_hash: str, *, report: Mapping[str, Any], actor: str
) -> ModelVersion:
    registry_lock()
    version = _next_version()
    directory = Path(settings.MODEL_DIR) / version
    shutil.rmtree(directory, ignore_errors=True)  # from a rolled-back transaction
    written_to.rename(directory)
    row = ModelVersion.objects.create(
        version=version,
        directory=version,
        artifact_hash=artifact_hash,
        data_hash=str(bundle.manifest.get("data", "")),
        seed=int(bundle.manifest.get("seed", 7)),
        stage=bundle.stage,
        metrics=headline(report),
        report=storable(report),
    )
    _record("model.registered", row, actor=actor, data={"stage": row.stage})
    return row


def _required_waiver(row: ModelVersion) -> ModelWaiver | None:
    """Return the waiver that permits the promotion, None if none is needed. Raises Conflict if it is not permitted."""
    if row.passed and row.state != ModelState.REFUSED:
        return None
    if row.passed:
        raise Conflict(f"{row.version} was refused: {row.refusal}")
    if not row.gate:
        raise Conflict(f"{row.version} was never judged: only what passed the gate goes live. Train anew.")
    return _locked_waiver(row)


def _locked_waiver(row: ModelVersion) -> ModelWaiver:
    """Return the valid waiver of a refused version, locked against closing until the transaction ends."""
    waiver = valid_waiver(row, now=clock.now(), locked=True)
    if waiver is None:
        raise Conflict(f"{row.version} was refused: {row.refusal}. A waiver takes two persons.")
    return waiver


def _make_champion(row: ModelVersion, *, action: str, actor: str, waiver: ModelWaiver | None = None) -> ModelVersion:
    _check_artifact(row)
    former = live_version()
    if former is not None:
        former.state, former.retired_at = ModelState.RETIRED, clock.now()
        former.save(update_fields=["state", "retired_at"])
    row.state, row.promoted_at, row.retired_at = ModelState.CHAMPION, _promotion_time(former), None
    row.increment = {}  # from an earlier time as champion
    row.save(update_fields=["state", "promoted_at", "retired_at", "increment"])
    former_name = former.version if former else None
    _record(action, row, actor=actor, data={"former": former_name, **(_waiver_data(row, waiver) if waiver else {})})
    announce()
    mirror_soon(row.version)
    if holds_erased(row):  # its increments went
        unlearn_soon()
    return row


def _promotion_time(former: ModelVersion | None) -> datetime:
    """Return now or, if the clock was set back, a moment after the last promotion: roll-backs rely on the order."""
    now, last = clock.now(), former.promoted_at if former else None
    return now if last is None else max(now, last + timedelta(microseconds=1))


def _waiver_data(row: ModelVersion, waiver: ModelWaiver) -> dict[str, Any]:
    """Return the audit data of a promotion by waiver."""
    return {
        "waiver": waiver.pk,
        "requested_by": f"staff:{waiver.requested_by_id}",
        "approved_by": f"staff:{waiver.approved_by_id}",
        "failed": row.failed_checks,
    }


def _check_artifact(row: ModelVersion) -> None:
    if row.pruned_at is not None:
        raise Conflict(
            f"{row.version} cannot go live: its artifact was deleted on {row.pruned_at:%Y-%m-%d}, those of the newest"
            f" {settings.MODELS_KEPT} versions are kept (MODELS_KEPT). A new training learns anew."
        )
    try:
        HybridModel.load(directory_of(row), expected=row.artifact_hash)  # as every serving process will
    except LOADING_ERRORS as error:
        log.error("model.artifact_refused version=%s error=%s", row.version, error)
        why = str(error).removeprefix(f"{row.directory}: ").rstrip(".")
        raise Conflict(
            f"{row.version} cannot go live: {why}. Bring back its files from a backup, promote another version, or "
            "train anew."
        ) from error


def _next_version() -> str:
    day = clock.now().date().isoformat()
    numbers = ModelVersion.objects.filter(version__startswith=f"{day}.").values_list("version", flat=True)
    return f"{day}.{max((int(version.rpartition('.')[2]) for version in numbers), default=0) + 1}"


def registry_lock() -> None:
    """Take the registry's lock until the transaction ends; waits for others that number, promote or publish."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _record(action: str, row: ModelVersion, *, actor: str, data: Mapping[str, Any]) -> None:
    audit_data = {"version": row.version, "artifact_hash": row.artifact_hash, **data}
    record(category="model", action=action, actor=actor, object=f"model_version:{row.version}", data=audit_data)
