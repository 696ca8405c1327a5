"""The live model: what answers now, and what a roll-back would bring. All that serving may know of this room."""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from modelops.models import ModelState, ModelVersion
from modelops.selectors.registry import previous_champion

INCREMENTS = ".increments"


@dataclass(frozen=True, slots=True)
class Increment:
    """Where the artefact of an increment lies and what it must hash to."""

    directory: Path
    artefact_hash: str


@dataclass(frozen=True, slots=True)
class Champion:
    """The live version: where its artefact lies and what it must hash to; `increment` is what stands in for it now."""

    version: str
    directory: Path
    artefact_hash: str
    increment: Increment | None = None


def champion() -> Champion | None:
    """Return what loads the live version, or None before anything was promoted."""
    row = ModelVersion.objects.filter(state=ModelState.CHAMPION).defer("report", "gate").first()  # asked every 2 s
    return None if row is None else Champion(row.version, directory_of(row), row.artefact_hash, increment_of(row))


def increment_of(version: ModelVersion) -> Increment | None:
    """Return what was learnt since the training of a version, None where nothing was."""
    told = version.increment
    return Increment(increments_of(version) / told["directory"], told["artefact_hash"]) if "directory" in told else None


def increments_of(version: ModelVersion) -> Path:
    """Return the folder of the artefacts of a version's increments: beside its own."""
    return Path(settings.MODEL_DIR) / f"{version.directory}{INCREMENTS}"


def directory_of(version: ModelVersion) -> Path:
    """Return where the artefact of a version lies."""
    return Path(settings.MODEL_DIR) / version.directory


def roll_back_target() -> Champion | None:
    """Return what loads the version that a roll-back leads to, as it was registered; None where there is none."""
    row = previous_champion()
    return None if row is None else Champion(row.version, directory_of(row), row.artefact_hash)
