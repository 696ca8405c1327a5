"""The live model, the target of a roll-back, and what answered before. Serving may import this module alone."""

from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings

from modelops.models import ModelState, ModelVersion
from modelops.selectors.registry import previous_champion

INCREMENTS = ".increments"


@dataclass(frozen=True, slots=True)
class Increment:
    """The directory of an increment's artifact, its expected hash, and the number of its row."""

    directory: Path
    artifact_hash: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Champion:
    """The live version: its artifact's directory and expected hash; `increment` replaces it if there is one."""

    version: str
    directory: Path
    artifact_hash: str
    increment: Increment | None = None


def champion() -> Champion | None:
    """Return the live version, or None before the first promotion."""
    row = ModelVersion.objects.filter(state=ModelState.CHAMPION).defer("report", "gate").first()  # runs every 2 s
    return None if row is None else Champion(row.version, directory_of(row), row.artifact_hash, increment_of(row))


def increment_of(version: ModelVersion) -> Increment | None:
    """Return the latest increment of a version, or None."""
    row = version.increment
    if "directory" not in row:
        return None
    return Increment(increments_of(version) / row["directory"], row["artifact_hash"], row.get("number", 0))


def past_version(version: str, *, increment: int | None = None) -> Champion | None:
    """Return a version as it answered, with that increment or none; None where it was never registered."""
    row = ModelVersion.objects.filter(version=version).defer("report", "gate").first()
    if row is None:
        return None
    registered = Champion(row.version, directory_of(row), row.artifact_hash)
    if increment is None:
        return registered
    published = row.increments.filter(pk=increment).first()
    if published is None:
        return None
    directory = increments_of(row) / published.directory
    return replace(registered, increment=Increment(directory, published.artifact_hash, published.pk))


def increments_of(version: ModelVersion) -> Path:
    """Return the directory of a version's increments, next to the version's own."""
    return Path(settings.MODEL_DIR) / f"{version.directory}{INCREMENTS}"


def directory_of(version: ModelVersion) -> Path:
    """Return the directory of a version's artifact."""
    return Path(settings.MODEL_DIR) / version.directory


def roll_back_target() -> Champion | None:
    """Return the target of a roll-back, without increments; None if there is none."""
    row = previous_champion()
    return None if row is None else Champion(row.version, directory_of(row), row.artifact_hash)
