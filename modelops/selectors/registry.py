"""Which model versions there are, and which one is live."""

from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db.models import F

from common import clock
from common.errors import NotFound
from modelops.models import ModelState, ModelVersion, ModelWaiver

TABLE = ".judged"


def live_version() -> ModelVersion | None:
    """Return the row of the live version, report and verdict and all; None before anything was promoted."""
    return ModelVersion.objects.filter(state=ModelState.CHAMPION).first()


def table_of(version: ModelVersion) -> Path:
    """Return where the held-out table lies that the gate judged a version by: beside its artefact, sealed apart."""
    return Path(settings.MODEL_DIR) / f"{version.directory}{TABLE}"


def valid_waiver(version: ModelVersion, *, now: datetime, held: bool = False) -> ModelWaiver | None:
    """Return a waiver of the version that two persons stand behind and that neither was closed nor has run out.

    Of several, the one that ends last. With `held` nobody closes it before the transaction ends.
    """
    approved = version.waivers.filter(approved_by__isnull=False, closed_by__isnull=True, expires_at__gt=now)
    approved = approved.exclude(approved_by=F("requested_by")).order_by("-expires_at", "-pk")
    return (approved.select_for_update(of=("self",)) if held else approved).first()


def may_go_live(version: ModelVersion) -> bool:
    """Return whether the version could be promoted now: it is not live, and the gate or a waiver lets it through."""
    if version.state == ModelState.CHAMPION or version.pruned_at is not None:
        return False
    if version.passed:
        return version.state != ModelState.REFUSED
    return version.failed and valid_waiver(version, now=clock.now()) is not None


def may_be_waived(version: ModelVersion) -> bool:
    """Return whether a waiver could be asked for now: the version failed, could go live, and nobody has asked yet."""
    if not version.failed or version.state == ModelState.CHAMPION or version.pruned_at is not None:
        return False
    return not waiver_waits(version, now=clock.now())


def waiver_waits(version: ModelVersion, *, now: datetime) -> bool:
    """Return whether a waiver of the version is asked for, and nobody has approved or closed it."""
    return version.waivers.filter(approved_by__isnull=True, closed_by__isnull=True, expires_at__gt=now).exists()


def version_named(version: str) -> ModelVersion:
    """Return a version by its name. Raises NotFound."""
    row = ModelVersion.objects.filter(version=version).first()
    if row is None:
        raise NotFound(f"There is no model version {version}.")
    return row


def previous_champion(*, waived: bool = True) -> ModelVersion | None:
    """Return the version that was live before the present one, where a rollback leads; none whose artefact is gone.

    Nor one that the gate refused, unless its waiver still holds: what was closed or has run out lets nothing through.
    Without `waived`, where it leads once no waiver holds any more.
    """
    retired = ModelVersion.objects.filter(state=ModelState.RETIRED, promoted_at__isnull=False, pruned_at__isnull=True)
    now = clock.now()
    lately = retired.order_by("-promoted_at").defer("report").iterator(chunk_size=10)  # there may be years of them
    allowed = (row for row in lately if not row.failed or (waived and valid_waiver(row, now=now)))
    return next(allowed, None)
