"""Old artefacts go: a version of every night would fill the disk, and holds what shoppers did who are erased by now.

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
from modelops.services.atomic_files import DRAFT
from modelops.services.mirror import mirror_soon
from modelops.services.registry import one_at_a_time

FRESH = timedelta(days=1)
"""What is younger may belong to a training that is not over."""
NAMED = re.compile(r"(\d{4}-\d{2}-\d{2}\.\d+)(\..*)?")
"""How directories of versions are called, and those beside them."""
log = logging.getLogger(__name__)


def prune(*, actor: str) -> list[str]:
    """Delete the artefacts and judged tables of old versions; return their names.

    The newest `MODELS_KEPT` versions stay (0: all), those of the last day, the live one, and the target of a rollback,
    now and after its waiver ends. So do versions that a waiver may still let through. Files without a row, left by a
    process that died, are deleted after a day. Failed deletions are tried again. MLflow's copies follow.
    """
    with transaction.atomic():
        one_at_a_time()  # else one might be promoted meanwhile
        old = _old() if settings.MODELS_KEPT else []
        for row in old:
            row.pruned_at = clock.now()
            row.save(update_fields=["pruned_at"])
            mirror_soon(row.version)
        if old:
            names = [row.version for row in old]
            record(category="model", action="model.pruned", actor=actor, object="model_versions", data={"of": names})
    gone = ModelVersion.objects.filter(pruned_at__isnull=False).only("version", "directory")
    for directory in (*(path for row in gone for path in _paths(row)), *_strays()):
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
    back = [row.pk for row in (previous_champion(), previous_champion(waived=False)) if row]
    old = rows.exclude(pk__in=list(newest)).exclude(state=ModelState.CHAMPION)
    waived = ModelWaiver.objects.filter(closed_by__isnull=True, expires_at__gt=clock.now()).values("model_version")
    old = old.exclude(pk__in=waived).exclude(created_at__gt=clock.now() - FRESH)
    return list(old.exclude(pk__in=back))


def _paths(row: ModelVersion) -> tuple[Path, ...]:
    return directory_of(row), increments_of(row), table_of(row)


def _strays() -> Iterator[Path]:
    """Yield directories that look like a version's and belong to none, or to one without verdict, older than a day."""
    known = set(ModelVersion.objects.values_list("directory", flat=True))
    judged = set(ModelVersion.objects.exclude(gate={}).values_list("directory", flat=True))
    root = Path(settings.MODEL_DIR)
    for path in root.iterdir() if root.is_dir() else ():
        named = NAMED.fullmatch(path.name)
        ours = path.name.startswith(DRAFT) or (
            named is not None and named[1] not in (judged if named[2] == TABLE else known)
        )
        if ours and _left(path):
            yield path


def _left(path: Path) -> bool:
    """Return whether nobody has written there for a day."""
    try:
        return time.time() - path.stat().st_mtime > FRESH.total_seconds()
    except FileNotFoundError:  # a training beside this one has just given it its name
        return False
