"""The files that belong to the project."""

import subprocess
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@lru_cache(maxsize=1)
def tracked() -> tuple[str, ...]:
    """Return the paths of all tracked files that exist, relative to the root."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(name for name in listing.split("\0") if name and (ROOT / name).is_file())


def text_of(name: str) -> str:
    """Return the file's text; of a binary file what can be read of it."""
    return (ROOT / name).read_text(errors="replace")
