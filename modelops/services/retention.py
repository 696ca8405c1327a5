"""Retention: deletes old artifacts, which would fill the disk and contain data of shoppers who were erased since.

The rows stay, with their reports, verdicts and hashes.
"""

import logging
import re
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction

from audit.services import record
from common import clock
from modelops.live import directory_of, increments_of
from modelops.models import ModelState, ModelVersion, ModelWaiver
from modelops.selectors.registry import TABLE, previous_champion, table_of
from modelops.services.atomic_files import DRAFT_PREFIX
from modelops.services.mirror import mirror_soon
from modelops.services.registry import registry_lock

MIN_AGE = timedelta(days=1)
"""Younger directories may belong to a running training."""
VERSION_NAME = re.compile(r"(\d{4}-\d{2}-\d{2}\.\d+)(\..*)?")
"""Names of version directories, with optional suffixes for increments and tables."""
log = logging.getLogger(__name__)


def prune(*, actor: str) -> list[str]:
    """Delete the artifacts and gate tables of old versions; return the names of these versions.

    Keeps the newest `MODELS_KEPT` versions, the live one, those that were live in the last `REPLAY_DAYS`, the roll-back
    targets with and without waivers, versions with an open waiver, and versions of the last day. `MODELS_KEPT` 0 keeps
    all. Also deletes stray directories older than a day. Failed deletions are retried next time. MLflow's copies are
    deleted too.
    """
    with transaction.atomic():
        registry_lock()  # otherwise one could be promoted meanwhile
        old = _old() if settings.MODELS_KEPT else []
        for row in old:
            row.pruned_at = clock.real_now()
            row.save(update_fields=["pruned_at"])
            mirror_soon(row.version)
        if old:
            names = [row.version for row in old]
            record(category="model", action="model.pruned", actor=actor, object="model_versions", data={"of": names})
    pruned = ModelVersion.objects.filter(pruned_at__isnull=False).only("version", "directory")
    for directory in (*(path for row in pruned for path in _paths(row)), *_strays()):
        try:
            shutil.rmtree(directory)
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("model.not_pruned directory=%s error=%s", directory.name, error)
    return [row.version for row in old]


def _old() -> list[ModelVersion]:
    rows = ModelVersion.objects.filter(pruned_at__isnull=True)
    newest = rows.values_list("pk", flat=True)[: settings.MODELS_KEPT]
    back = [row.pk for row in (previous_champion(), previous_champion(with_waivers=False)) if row]
    old = rows.exclude(pk__in=list(newest)).exclude(state=ModelState.CHAMPION)
    waived_versions = ModelWaiver.objects.filter(closed_by__isnull=True, expires_at__gt=clock.now()).values(
        "model_version"
    )
    old = old.exclude(pk__in=waived_versions).exclude(created_at__gt=clock.real_now() - MIN_AGE)
    old = old.exclude(retired_at__gt=clock.now() - timedelta(days=settings.REPLAY_DAYS))
    return list(old.exclude(pk__in=back))


def _paths(row: ModelVersion) -> tuple[Path, ...]:
    return directory_of(row), increments_of(row), table_of(row)


def _strays() -> Iterator[Path]:
    """Yield version-like directories older than a day without a row, and tables of versions without a verdict."""
    directories = set(ModelVersion.objects.values_list("directory", flat=True))
    judged_directories = set(ModelVersion.objects.exclude(gate={}).values_list("directory", flat=True))
    root = Path(settings.MODEL_DIR)
    for path in root.iterdir() if root.is_dir() else ():
        match = VERSION_NAME.fullmatch(path.name)
        ours = path.name.startswith(DRAFT_PREFIX) or (
            match is not None and match[1] not in (judged_directories if match[2] == TABLE else directories)
        )
        if ours and _is_old(path):
            yield path


def _is_old(path: Path) -> bool:
    """Return whether the directory was last modified more than a day ago."""
    try:
        return time.time() - path.stat().st_mtime > MIN_AGE.total_seconds()
    except FileNotFoundError:  # another training has just renamed it
        return False
