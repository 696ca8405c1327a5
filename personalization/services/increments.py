"""Increments: between trainings, what is learnt in seconds is learnt again from all that happened until now.

The version stays the one that the gate let through; its artefact stays as it was registered, and serves again after a
promotion or a rollback, until the next increment.
"""

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import connection, transaction

from common import clock
from common.errors import Conflict
from common.ids import uuid7
from personalization.models import AlarmKind, ModelAlarm, ModelState, ModelVersion
from personalization.ranking.artefact import ArtefactError
from personalization.ranking.bundle import Bundle
from personalization.selectors.overview import alive_runs
from personalization.selectors.registry import INCREMENTS, directory_of, increments_of
from personalization.services.alarms import sound
from personalization.services.data_gate import profile_of
from personalization.services.live import announce
from personalization.services.registry import one_at_a_time
from personalization.services.shop_data import shop_dataset

if TYPE_CHECKING:
    from personalization.training.dataset import Dataset

PAUSE: Final = 9
"""How many times as long as the last one took nothing is done: at most a tenth of the time goes to increments."""
LOCK: Final = 0x766D_6E63
"""Advisory lock of a database session: one increment at a time, and none for ever where a process dies."""
log = logging.getLogger(__name__)


def run_increment(*, forced: bool = False) -> str:
    """Make and publish an increment of the live version; return what was done, or why nothing was, in words.

    A `forced` one does not wait for its turn. Raises Conflict where the data look broken, or the live version's
    artefact is not what was registered.
    """
    with _alone() as alone:
        if not alone:
            return "Another increment is being made."
        live = ModelVersion.objects.filter(state=ModelState.CHAMPION).first()
        if live is None:
            return "No model is live yet: `manage.py train` makes one."
        if alive_runs().exists():
            return "A training is running: it learns all there is."
        if not forced and (until := _resting_until(live)) > clock.now():
            return f"The last one took {live.increment['seconds']:.0f} s: no other one before {until:%H:%M:%S} UTC."
        return _made(live)


def _made(live: ModelVersion) -> str:
    from personalization.ranking.increment import incremented
    from personalization.training.pipeline import fingerprint

    begun = time.monotonic()
    dataset = shop_dataset(pictures=False)
    _refuse_broken(dataset, live)
    told: dict[str, Any] = {"interactions": len(dataset), "data_hash": fingerprint(dataset)}
    if told["data_hash"] == live.increment.get("data_hash", live.data_hash):
        _publish(live, {**live.increment, **told, **_timed(begun)})
        return f"Nothing has happened since {live.version} learnt last."
    try:
        base = Bundle.load(directory_of(live), expected=live.artefact_hash)
    except ArtefactError as error:
        raise Conflict(f"{live.version} cannot learn more: {error}") from error
    directory = increments_of(live) / str(uuid7())
    try:
        told["artefact_hash"] = incremented(base, dataset.interactions, dataset.catalogue).save(directory)
        done = _publish(live, {**told, "directory": directory.name, **_timed(begun)})
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    if not done:
        shutil.rmtree(directory, ignore_errors=True)
        return f"Another version went live while {live.version} learnt: nothing was changed."
    _tidy(live, directory)
    log.info("model.incremented version=%s %s", live.version, " ".join(f"{name}={own}" for name, own in told.items()))
    return f"{live.version} has learnt from {len(dataset):,} interactions."


def _publish(live: ModelVersion, told: dict[str, Any]) -> bool:
    """Write what was learnt into the row, and return True, unless another version is live by now."""
    with transaction.atomic():
        one_at_a_time()
        same = ModelVersion.objects.filter(pk=live.pk, state=ModelState.CHAMPION, promoted_at=live.promoted_at)
        if not same.update(increment=told):
            return False
        if told.get("directory") != live.increment.get("directory"):
            announce()
    return True


def _tidy(live: ModelVersion, newest: Path) -> None:
    """Delete the artefacts of earlier increments, but the one before: a process may be about to load it."""
    kept = {newest.name, live.increment.get("directory")}
    for folder in Path(settings.MODEL_DIR).glob(f"*{INCREMENTS}"):
        for one in folder.iterdir():
            if folder != newest.parent or one.name not in kept:
                shutil.rmtree(one, ignore_errors=True)


def _refuse_broken(dataset: "Dataset", live: ModelVersion) -> None:
    from personalization.training.quality_gate import checked, failed

    if not len(dataset):
        raise Conflict("There is no event that may be learnt from.")
    checks = [one for one in checked(dataset, last=profile_of(live)) if one.grade == "refuses"]
    if refusals := failed(checks):
        # Asked every few minutes: the alarm is raised once, and settled as ever.
        if not ModelAlarm.objects.filter(kind=AlarmKind.DATA, settled_at=None).exists():
            sound(AlarmKind.DATA, checks, actor="system:schedule", version=live)
        raise Conflict(f"These data look broken: {'; '.join(refusals)}. Nothing was learnt from them.")


def _resting_until(live: ModelVersion) -> datetime:
    told = live.increment
    if not told:
        return datetime.min.replace(tzinfo=clock.now().tzinfo)
    return datetime.fromisoformat(told["at"]) + timedelta(seconds=PAUSE * told["seconds"])


def _timed(begun: float) -> dict[str, Any]:
    return {"at": clock.now().isoformat(), "seconds": time.monotonic() - begun}


@contextmanager
def _alone() -> Iterator[bool]:
    """Hold the lock of increments, where nobody else does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        taken = bool(cursor.fetchone()[0])
        try:
            yield taken
        finally:
            if taken:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
