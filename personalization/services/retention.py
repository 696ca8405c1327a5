"""Old artefacts go: a version of every night would fill the disk, and what it learnt from is long forgotten elsewhere.

The rows stay with their reports, and so do the tables that the gate judged: they are small, and evidence.
"""

import logging
import shutil

from django.conf import settings
from django.db import transaction

from audit.services import record
from common import clock
from personalization.models import ModelState, ModelVersion
from personalization.selectors.registry import directory_of, increments_of, previous_champion
from personalization.services.registry import one_at_a_time

log = logging.getLogger(__name__)


def prune(*, actor: str) -> list[str]:
    """Delete the artefacts of old versions; return which.

    Kept are those of the newest `MODELS_KEPT` versions, of the one that is live, of the one that a rollback leads to,
    and of those that a waiver may still let through. With `MODELS_KEPT` 0 nothing is deleted. Files that could not be
    deleted are tried again the next time.
    """
    if not settings.MODELS_KEPT:
        return []
    with transaction.atomic():
        one_at_a_time()  # else one might be promoted meanwhile
        old = _old()
        for row in old:
            row.pruned_at = clock.now()
            row.save(update_fields=["pruned_at"])
        if old:
            names = [row.version for row in old]
            record(category="model", action="model.pruned", actor=actor, object="model_versions", data={"of": names})
    for row in ModelVersion.objects.filter(pruned_at__isnull=False).only("version", "directory"):
        for directory in (directory_of(row), increments_of(row)):
            try:
                shutil.rmtree(directory)
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("model.not_pruned version=%s error=%s", row.version, error)
    return [row.version for row in old]


def _old() -> list[ModelVersion]:
    rows = ModelVersion.objects.filter(pruned_at__isnull=True)
    newest = rows.values_list("pk", flat=True)[: settings.MODELS_KEPT]
    back = previous_champion()
    old = rows.exclude(pk__in=list(newest)).exclude(state=ModelState.CHAMPION)
    old = old.exclude(waivers__expires_at__gt=clock.now())
    return list(old.exclude(pk=back.pk) if back else old)
