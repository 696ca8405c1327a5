"""The live model and the target of a roll-back. The only module of this room that serving may import."""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from modelops.models import ModelState, ModelVersion
from modelops.selectors.registry import previous_champion

INCREMENTS = ".increments"


@dataclass(frozen=True, slots=True)
class Increment:
    """The directory of an increment's artifact, and its expected hash."""

    directory: Path
    artifact_hash: str


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
    return Increment(increments_of(version) / row["directory"], row["artifact_hash"]) if "directory" in row else None


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
