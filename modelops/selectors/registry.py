"""Reads of model versions and their waivers."""

from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db.models import F

from common import clock
from common.errors import NotFound
from modelops.models import ModelState, ModelVersion, ModelWaiver

TABLE = ".judged"


def live_version() -> ModelVersion | None:
    """Return the full row of the live version; None before the first promotion."""
    return ModelVersion.objects.filter(state=ModelState.CHAMPION).first()


def table_of(version: ModelVersion) -> Path:
    """Return the directory of the held-out table that the gate used, next to the version's artifact."""
    return Path(settings.MODEL_DIR) / f"{version.directory}{TABLE}"


def valid_waiver(version: ModelVersion, *, now: datetime, locked: bool = False) -> ModelWaiver | None:
    """Return an approved waiver of the version that is neither closed nor expired; of several, the last to expire.

    With `locked`, nobody can close it before the transaction ends.
    """
    approved = version.waivers.filter(approved_by__isnull=False, closed_by__isnull=True, expires_at__gt=now)
    approved = approved.exclude(approved_by=F("requested_by")).order_by("-expires_at", "-pk")
    return (approved.select_for_update(of=("self",)) if locked else approved).first()


def may_go_live(version: ModelVersion) -> bool:
    """Return whether the version can be promoted now: it is not live, and passed the gate or has a valid waiver."""
    if version.state == ModelState.CHAMPION or version.pruned_at is not None:
        return False
    if version.passed:
        return version.state != ModelState.REFUSED
    return version.failed and valid_waiver(version, now=clock.now()) is not None


def may_be_waived(version: ModelVersion) -> bool:
    """Return whether a waiver can be requested now: the version failed, has its artifact, and none is pending."""
    if not version.failed or version.state == ModelState.CHAMPION or version.pruned_at is not None:
        return False
    return not waiver_waits(version, now=clock.now())


def waiver_waits(version: ModelVersion, *, now: datetime) -> bool:
    """Return whether a waiver of the version is pending: neither approved nor closed nor expired."""
    return version.waivers.filter(approved_by__isnull=True, closed_by__isnull=True, expires_at__gt=now).exists()


def version_named(version: str) -> ModelVersion:
    """Return a version by its name. Raises NotFound."""
    row = ModelVersion.objects.filter(version=version).first()
    if row is None:
        raise NotFound(f"There is no model version {version}.")
    return row


def previous_champion(*, with_waivers: bool = True) -> ModelVersion | None:
    """Return the target of a roll-back: the last live version before the current one that still has its artifact.

    A version that failed the gate counts only if its waiver is still valid, and never without `with_waivers`.
    """
    retired = ModelVersion.objects.filter(state=ModelState.RETIRED, promoted_at__isnull=False, pruned_at__isnull=True)
    now = clock.now()
    latest_first = (
        retired.order_by("-promoted_at").defer("report").iterator(chunk_size=10)
    )  # there may be years of them
    allowed = (row for row in latest_first if not row.failed or (with_waivers and valid_waiver(row, now=now)))
    return next(allowed, None)
