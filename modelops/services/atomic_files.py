"""Atomic writes to the model directory: a directory is complete or removed, and a full disk raises Unavailable."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.conf import settings

from common.errors import Unavailable
from common.ids import uuid7

DRAFT_PREFIX: Final = ".writing-"
"""Name prefix of an artifact's directory before it has a version."""
PROBE: Final = 1024**2
"""The number of bytes that the disk check writes."""


def draft_directory() -> Path:
    """Return a new path in the model directory for an artifact without a version."""
    return Path(settings.MODEL_DIR) / f"{DRAFT_PREFIX}{uuid7()}"


@contextmanager
def removed_on_failure(directory: Path) -> Iterator[None]:
    """Remove the directory if the block fails. Raises Unavailable for an OSError."""
    try:
        yield
    except OSError as error:
        shutil.rmtree(directory, ignore_errors=True)
        reason = error.strerror or error
        raise Unavailable(
            f"No model can be written to {settings.MODEL_DIR} ({reason}): make room there, or see who may write there, "
            "and try again."
        ) from error
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


def check_disk() -> None:
    """Raise Unavailable if the disk cannot be written; called before a training, not after it."""
    directory = draft_directory()
    with removed_on_failure(directory):
        directory.mkdir(parents=True)
        (directory / "probe").write_bytes(os.urandom(PROBE))
    shutil.rmtree(directory, ignore_errors=True)
