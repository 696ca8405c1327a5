"""Increments: between trainings, what is learnt in seconds is learnt again from all that happened until now.

The version stays the one that the gate let through; its artefact stays as it was registered, and serves again after a
promotion or a rollback, until the next increment.
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
from modelops.live import INCREMENTS, directory_of, increments_of
from modelops.models import AlarmKind, ModelState, ModelVersion
from modelops.selectors.registry import live_version
from modelops.selectors.runs import alive_runs
from modelops.services.advisory_lock import alone
from modelops.services.alarms import sound
from modelops.services.atomic_files import whole
from modelops.services.data_checks import data_profile_of
from modelops.services.registry import one_at_a_time
from modelops.services.run_progress import insisted
from modelops.services.shop_data import shop_dataset
from recsys.ranking.artifact import ArtifactError, read_manifest
from recsys.ranking.model import EVENT_WEIGHTS, LOADING_ERRORS, HybridModel

if TYPE_CHECKING:
    from recsys.data.dataset import Dataset

PAUSE: Final = 9
"""How many times as long as the last one took, or failed, nothing is done: at most a tenth of the time goes to them."""
DAY: Final = timedelta(days=1)
"""The longest wait after attempts that were killed: by then the machine may have more memory."""
LIFE: Final = ("begun", "deaths", "next")
"""What the row tells of an attempt that has not ended, and of those before it that never did."""
LOCK: Final = 0x766D_6E63
"""Advisory lock: one increment at a time."""
log = logging.getLogger(__name__)


def run_increment(*, forced: bool = False, actor: str = "system:schedule") -> str:
    """Make and publish an increment of the live version; return what was done, or why nothing was, in words.

    A `forced` one does not wait for its turn. Raises Conflict where the data look broken, or the live version's
    artefact cannot be read; Unavailable where an increment cannot be written.
    """
    with alone(LOCK) as mine:
        if not mine:
            return "Another increment is being made."
        live = live_version()
        if live is None:
            return "No model is live yet: `manage.py train` makes one."
        if alive_runs().exists():
            return "A training is running: it learns all there is."
        _count_death(live, actor=actor)
        if not forced and (waits := _waits(live)):
            return waits
        begun = time.monotonic()
        _note(live, {**live.increment, "begun": clock.now().isoformat()}, actor=actor)
        try:
            return _made(live, begun, actor=actor)
        except BaseException:
            _rest(live, begun, actor=actor)
            raise


def _made(live: ModelVersion, begun: float, *, actor: str) -> str:
    from recsys.data.dataset import fingerprint
    from recsys.ranking.increment import fit_increment

    try:
        manifest = read_manifest(directory_of(live), expected=live.artefact_hash)
    except ArtifactError as error:
        raise Conflict(f"{live.version} cannot learn more: {error}") from error
    # What the settings say by now is for the next training: the ranker knows scores of the old weights.
    dataset = shop_dataset(pictures=False, weights=manifest.get(EVENT_WEIGHTS, {}))
    _refuse_broken(dataset, live, actor=actor)
    learnt = {"data": fingerprint(dataset), "shoppers": len(dataset.user_ids)}
    if learnt["data"] == live.increment.get("data", live.data_hash):
        _publish(live, {**_without(live, "refused", *LIFE), **_timed(begun)}, actor=actor)
        return f"Nothing has happened since {live.version} learnt last."
    try:
        base = HybridModel.load(directory_of(live), expected=live.artefact_hash)
    except LOADING_ERRORS as error:
        raise Conflict(f"{live.version} cannot learn more: {error}") from error
    directory = increments_of(live) / str(uuid7())
    fresh = fit_increment(base, dataset.interactions, dataset.catalogue, manifest=learnt)
    with whole(directory):
        artefact_hash = fresh.save(directory)
    told = {"directory": directory.name, "artefact_hash": artefact_hash, "interactions": len(dataset), **learnt}
    if not _publish(live, {**told, **_timed(begun)}, actor=actor):
        shutil.rmtree(directory, ignore_errors=True)
        return f"Another version went live while {live.version} learnt: nothing was changed."
    _tidy(live, directory)
    log.info("model.incremented version=%s %s", live.version, " ".join(f"{name}={own}" for name, own in told.items()))
    return f"{live.version} has learnt from {len(dataset):,} interactions."


def _publish(live: ModelVersion, told: Mapping[str, Any], *, actor: str) -> bool:
    """Write what was learnt into the row, and return True, unless another version is live by now.

    Another artefact is on the audit log: it tells which one answered when.
    """
    with transaction.atomic():
        one_at_a_time()
        same = ModelVersion.objects.filter(pk=live.pk, state=ModelState.CHAMPION, promoted_at=live.promoted_at)
        if not same.update(increment=told):
            return False
        if told.get("directory") != live.increment.get("directory"):
            served = {name: told[name] for name in ("artefact_hash", "interactions")}
            record(
                category="model",
                action="model.incremented",
                actor=actor,
                object=f"model_version:{live.version}",
                data={"version": live.version, **served},
            )
            announce()
    return True


def _rest(live: ModelVersion, begun: float, *, actor: str) -> None:
    """Note how long an attempt took that failed: not even broken data may keep a machine busy."""
    timed = _timed(begun)

    def noted() -> None:
        live.refresh_from_db(fields=["increment"])
        _publish(live, {**_without(live, *LIFE), **timed}, actor=actor)

    try:
        insisted(noted)
    except (DatabaseError, InterfaceError) as error:
        log.warning("increment.rest_not_noted error=%s", error)


def _note(live: ModelVersion, told: dict[str, Any], *, actor: str) -> None:
    _publish(live, told, actor=actor)
    live.increment = told


def _count_death(live: ModelVersion, *, actor: str) -> None:
    """Count the attempt that was begun and never ended: nobody else is at one, so its process was killed.

    After each in a row twice as long is waited, for what is too large for the memory takes the worker with it.
    """
    told = live.increment
    if "begun" not in told:
        return
    deaths = told.get("deaths", 0) + 1
    wait = min(DAY, timedelta(minutes=settings.INCREMENT_MINUTES) * 2 ** min(deaths, 20))
    until = datetime.fromisoformat(told["begun"]) + wait
    _note(live, {**_without(live, "begun"), "deaths": deaths, "next": until.isoformat()}, actor=actor)
    log.warning(
        "model.increment_died version=%s deaths=%d next=%s: its process was killed, as by want of memory",
        live.version, deaths, f"{until:%Y-%m-%dT%H:%M:%SZ}",
    )  # fmt: skip


def _tidy(live: ModelVersion, newest: Path) -> None:
    """Delete the artefacts of earlier increments, but the one before: a process may be about to load it."""
    kept = {newest.name, live.increment.get("directory")}
    for folder in Path(settings.MODEL_DIR).glob(f"*{INCREMENTS}"):
        old = [one for one in folder.iterdir() if one.name not in kept] if folder == newest.parent else [folder]
        for one in old:
            shutil.rmtree(one, ignore_errors=True)


def _refuse_broken(dataset: "Dataset", live: ModelVersion, *, actor: str) -> None:
    """Raise Conflict, and once an alarm, where a check of the data would refuse a training."""
    from recsys.data.data_checks import checked, failed

    if not len(dataset):
        raise Conflict("There is no event that may be learnt from.")
    checks = [one for one in checked(dataset, last=data_profile_of(live)) if one.grade == "refuses"]
    if refusals := failed(checks):
        names = [one.name for one in checks if not one.passed]
        if names != live.increment.get("refused"):  # asked every few minutes: told once, also where staff settled it
            sound(AlarmKind.DATA, checks, actor=actor, version=live)
            _publish(live, {**live.increment, "refused": names}, actor=actor)
        raise Conflict(f"These data look broken: {'; '.join(refusals)}. Nothing was learnt from them.")


def _without(live: ModelVersion, *names: str) -> dict[str, Any]:
    return {name: own for name, own in live.increment.items() if name not in names}


def _waits(live: ModelVersion) -> str:
    """Return in words until when nothing is done, and why; "" where it is time."""
    told, now = live.increment, clock.now()
    if "next" in told and now < (until := datetime.fromisoformat(told["next"])) <= now + DAY:
        return f"{told['deaths']} in a row were killed: no other one before {until:%Y-%m-%d %H:%M} UTC."
    if "at" not in told:
        return ""
    at = datetime.fromisoformat(told["at"])
    until = at + timedelta(seconds=PAUSE * told["seconds"])
    if at > now or until <= now:  # where the clock was put back, nobody knows how long ago that was
        return ""
    return f"The last one took {told['seconds']:.0f} s: no other one before {until:%H:%M:%S} UTC."


def _timed(begun: float) -> dict[str, Any]:
    return {"at": clock.now().isoformat(), "seconds": time.monotonic() - begun}
