"""Files that commands are asked to write."""

import os
from pathlib import Path

from django.core.management.base import CommandError


def writable(file: Path, *, option: str) -> None:
    """Raise CommandError where a file cannot be written: before the work, not after it."""
    folder = file.absolute().parent
    if not folder.is_dir():
        raise CommandError(f"--{option}: there is no folder {folder}")
    if file.is_dir():
        raise CommandError(f"--{option}: {file} is a folder, name a file")
    if not os.access(file if file.exists() else folder, os.W_OK):
        raise CommandError(f"--{option}: {file} cannot be written")
