"""Writing into the folder of models: a directory is there whole or not at all, and a full disk is told of."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.conf import settings

from common.errors import Unavailable
from common.ids import uuid7

DRAFT: Final = ".writing-"
"""How the directory of an artefact is called until it has a version."""
PROBE: Final = 1024**2
"""Bytes that are written to see whether a disk takes any."""


def draft() -> Path:
    """Return a place in the folder of models for what has no version yet."""
    return Path(settings.MODEL_DIR) / f"{DRAFT}{uuid7()}"


@contextmanager
def whole(directory: Path) -> Iterator[None]:
    """Leave nothing of a directory that is not written to its end. Raises Unavailable where the disk refuses it."""
    try:
        yield
    except OSError as error:
        shutil.rmtree(directory, ignore_errors=True)
        told = error.strerror or error
        raise Unavailable(
            f"No model can be written to {settings.MODEL_DIR} ({told}): make room there, or see who may write there, "
            "and try again."
        ) from error
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


def probe() -> None:
    """Raise Unavailable where the disk takes no model: before the minutes of a training, not after them."""
    directory = draft()
    with whole(directory):
        directory.mkdir(parents=True)
        (directory / "probe").write_bytes(os.urandom(PROBE))
    shutil.rmtree(directory, ignore_errors=True)
