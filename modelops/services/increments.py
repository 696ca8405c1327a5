"""Increments: between trainings, the quick parts of the live model are fitted again on all events until now.

The version stays the one that passed the gate. Its registered artifact stays unchanged and serves again after a
promotion or roll-back, until the next increment.
"""

import logging
import shutil
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import DatabaseError, InterfaceError, transaction

from audit.services import record
from common import clock
from common.config_version import announce
from common.errors import Conflict
from common.ids import uuid7
from modelops.live import INCREMENTS, directory_of, increment_of, increments_of
from modelops.models import AlarmKind, ModelIncrement, ModelState, ModelVersion
from modelops.selectors.registry import live_version
from modelops.selectors.runs import alive_runs
from modelops.services.advisory_lock import advisory_lock
from modelops.services.alarms import raise_or_settle
from modelops.services.atomic_files import removed_on_failure
from modelops.services.data_checks import data_profile_of
from modelops.services.registry import registry_lock
from modelops.services.run_progress import retried
from modelops.services.shop_data import shop_dataset
from recsys.ranking.artifact import ArtifactError, read_manifest
from recsys.ranking.model import EVENT_WEIGHTS, LOADING_ERRORS, HybridModel

if TYPE_CHECKING:
    from recsys.data.dataset import Dataset

PAUSE_FACTOR: Final = 9
"""The pause after an increment is this many times its duration, so increments take at most a tenth of the time."""
DAY: Final = timedelta(days=1)
"""The longest wait after killed attempts: by then the machine may have more memory."""
ATTEMPT_FIELDS: Final = ("started", "deaths", "next")
"""Fields of the row about an unfinished attempt, and about earlier attempts that were killed."""
LOCK: Final = 0x766D_6E63
"""Advisory lock: one increment at a time."""
log = logging.getLogger(__name__)


def run_increment(*, forced: bool = False, unlearning: bool = False, actor: str = "system:schedule") -> str:
    """Make and publish an increment of the live version; return in words what was done, or why nothing was.

    A `forced` one ignores the pause. An `unlearning` one learns nothing new: it takes erased shoppers out of the tables
    that serve, and leaves their clock. Raises Conflict if the data look broken or the live version's artifact cannot be
    read, and Unavailable if the increment cannot be written.
    """
    with advisory_lock(LOCK) as acquired:
        if not acquired:
            return "Another increment is being made."
        live = live_version()
        if live is None:
            return "No model is live yet: `manage.py train` makes one."
        if alive_runs().exists():
            return "A training is running: it learns from all events."
        _count_death(live, actor=actor)
        if not forced and (reason_to_wait := _reason_to_wait(live)):
            return reason_to_wait
        started = time.monotonic()
        _note(live, {**live.increment, "started": clock.real_now().isoformat()}, actor=actor)
        try:
            return _make(live, started, unlearning=unlearning, actor=actor)
        except BaseException:
            _note_failure(live, started, actor=actor)
            raise


def _make(live: ModelVersion, started: float, *, unlearning: bool, actor: str) -> str:
    from recsys.data.dataset import fingerprint
    from recsys.ranking.increment import fit_increment
    from recsys.ranking.unlearning import unlearn

    read_at = clock.now().isoformat()
    try:
        manifest = read_manifest(directory_of(live), expected=live.artifact_hash)
    except ArtifactError as error:
        raise Conflict(f"{live.version} cannot learn more: {error}") from error
    # The weights of the training, not the current settings: the ranker was trained on scores of the old weights.
    dataset = shop_dataset(pictures=False, weights=manifest.get(EVENT_WEIGHTS, {}))
    _refuse_broken(dataset, live, actor=actor)
    data_summary = {"data": fingerprint(dataset), "shoppers": len(dataset.user_ids)}
    if data_summary["data"] == live.increment.get("data", live.data_hash):
        unchanged = {**_without(live, "refused", *ATTEMPT_FIELDS), "read_at": read_at, **_duration(started)}
        _publish(live, unchanged, actor=actor)
        return f"Nothing has happened since {live.version} learnt last."
    latest = increment_of(live) if unlearning else None
    source = (directory_of(live), live.artifact_hash) if latest is None else (latest.directory, latest.artifact_hash)
    try:
        base = HybridModel.load(source[0], expected=source[1])
    except LOADING_ERRORS as error:
        raise Conflict(f"{live.version} cannot learn more: {error}") from error
    directory = increments_of(live) / str(uuid7())
    if unlearning:
        bundle = unlearn(base, dataset.interactions, dataset.catalog.item_ids)
        data_summary = {name: base.manifest.get(name) for name in data_summary}  # what came since is not learned
    else:
        bundle = fit_increment(base, dataset.interactions, dataset.catalog, manifest=data_summary)
    with removed_on_failure(directory):
        artifact_hash = bundle.save(directory)
    fields = {"directory": directory.name, "artifact_hash": artifact_hash, "interactions": len(dataset), **data_summary}
    fields["read_at"] = read_at
    if not _publish(live, {**fields, **_duration(started)}, actor=actor):
        shutil.rmtree(directory, ignore_errors=True)
        return f"Another version went live while {live.version} learnt: nothing was changed."
    _tidy(live, directory)
    log.info("model.incremented version=%s %s", live.version, " ".join(f"{name}={own}" for name, own in fields.items()))
    if unlearning:
        return f"{live.version} has unlearned who was erased."
    return f"{live.version} has learnt from {len(dataset):,} interactions."


def _publish(live: ModelVersion, increment: Mapping[str, Any], *, actor: str) -> bool:
    """Write the increment into the row and return True; return False if another version is live by now.

    A new artifact is recorded in the audit log, which shows which artifact answered when.
    """
    with transaction.atomic():
        registry_lock()
        same = ModelVersion.objects.filter(pk=live.pk, state=ModelState.CHAMPION, promoted_at=live.promoted_at)
        is_new = increment.get("directory") != live.increment.get("directory")
        if is_new:
            fields = {name: increment[name] for name in ("directory", "artifact_hash")}
            increment = {**increment, "number": ModelIncrement.objects.create(model_version=live, **fields).pk}
        if not same.update(increment=increment):
            transaction.set_rollback(True)
            return False
        if is_new:
            data = {name: increment[name] for name in ("artifact_hash", "interactions")}
            record(
                category="model",
                action="model.incremented",
                actor=actor,
                object=f"model_version:{live.version}",
                data={"version": live.version, **data},
            )
            announce()
    return True


def _note_failure(live: ModelVersion, started: float, *, actor: str) -> None:
    """Note the duration of a failed attempt, so that repeated failures keep the pause too."""
    duration = _duration(started)

    def write() -> None:
        live.refresh_from_db(fields=["increment"])
        _publish(live, {**_without(live, *ATTEMPT_FIELDS), **duration}, actor=actor)

    try:
        retried(write)
    except (DatabaseError, InterfaceError) as error:
        log.warning("increment.rest_not_noted error=%s", error)


def _note(live: ModelVersion, increment: dict[str, Any], *, actor: str) -> None:
    _publish(live, increment, actor=actor)
    live.increment = increment


def _count_death(live: ModelVersion, *, actor: str) -> None:
    """Count an attempt that started and never ended: the lock is free, so its process was killed.

    The wait doubles with each killed attempt in a row: an increment that exceeds the memory kills its worker.
    """
    increment = live.increment
    if "started" not in increment:
        return
    deaths = increment.get("deaths", 0) + 1
    wait = min(DAY, timedelta(minutes=settings.INCREMENT_MINUTES) * 2 ** min(deaths, 20))
    until = datetime.fromisoformat(increment["started"]) + wait
    _note(live, {**_without(live, "started"), "deaths": deaths, "next": until.isoformat()}, actor=actor)
    log.warning(
        "model.increment_died version=%s deaths=%d next=%s: its process was killed, as by want of memory",
        live.version, deaths, f"{until:%Y-%m-%dT%H:%M:%SZ}",
    )  # fmt: skip


def _tidy(live: ModelVersion, newest: Path) -> None:
    """Delete earlier increments, except the previous one, which a process may be about to load, and those for replay.

    The newest `REPLAY_INCREMENTS` of all versions are kept for `REPLAY_DAYS`.
    """
    recent = ModelIncrement.objects.filter(created_at__gt=clock.now() - timedelta(days=settings.REPLAY_DAYS))
    kept_names = {newest.name, live.increment.get("directory")}
    kept_names.update(recent.values_list("directory", flat=True)[: settings.REPLAY_INCREMENTS])
    for folder in Path(settings.MODEL_DIR).glob(f"*{INCREMENTS}"):
        old = [one for one in folder.iterdir() if one.name not in kept_names]
        for one in old:
            shutil.rmtree(one, ignore_errors=True)
        if folder != newest.parent and not any(folder.iterdir()):
            folder.rmdir()


def _refuse_broken(dataset: "Dataset", live: ModelVersion, *, actor: str) -> None:
    """Raise Conflict if a data check would refuse a training, and raise an alarm the first time."""
    from recsys.data.data_checks import check_dataset, failed

    if not len(dataset):
        raise Conflict("There is no event that may be used for training.")
    checks = [one for one in check_dataset(dataset, last=data_profile_of(live)) if one.grade == "refuses"]
    if refusals := failed(checks):
        names = [one.name for one in checks if not one.passed]
        if names != live.increment.get("refused"):  # runs every few minutes: alarm once, even after staff settled it
            raise_or_settle(AlarmKind.DATA, checks, actor=actor, version=live)
            _publish(live, {**live.increment, "refused": names}, actor=actor)
        raise Conflict(f"These data look broken: {'; '.join(refusals)}. Nothing was learnt from them.")


def _without(live: ModelVersion, *names: str) -> dict[str, Any]:
    return {name: own for name, own in live.increment.items() if name not in names}


def _reason_to_wait(live: ModelVersion) -> str:
    """Return in words why and until when to wait; "" if an increment is due."""
    increment, now = live.increment, clock.real_now()
    if "next" in increment and now < (until := datetime.fromisoformat(increment["next"])) <= now + DAY:
        return f"{increment['deaths']} in a row were killed: no other one before {until:%Y-%m-%d %H:%M} UTC."
    if "at" not in increment:
        return ""
    at = datetime.fromisoformat(increment["at"])
    until = at + timedelta(seconds=PAUSE_FACTOR * increment["seconds"])
    if at > now or until <= now:  # if the clock was set back, the age is unknown
        return ""
    return f"The last one took {increment['seconds']:.0f} s: no other one before {until:%H:%M:%S} UTC."


def _duration(started: float) -> dict[str, Any]:
    return {"at": clock.real_now().isoformat(), "seconds": time.monotonic() - started}
