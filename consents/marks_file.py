"""The marks of erased ids in a file: the copy that a restored backup of PostgreSQL or Redis does not take back.

It is only ever appended to. A line is the mark, the time of the erasure in microseconds since the epoch, and an
HMAC-SHA256 of both under a key of this installation, so that nobody writes a line by hand. The last line of a mark
counts. It names nobody.
"""

import hmac
import logging
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from common import sealed

log = logging.getLogger(__name__)


def append(erasure_times: Mapping[str, int]) -> None:
    """Add marks with the times of their erasure, and return once the disk has them. Raises OSError."""
    path = Path(settings.ERASURE_MARKS_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{mark} {at} {_code(mark, at)}\n" for mark, at in erasure_times.items())
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(f"\n{lines}".encode())  # a line before, which a full disk cut, must not spoil these
        file.flush()
        os.fsync(file.fileno())


def read() -> Mapping[str, int]:
    """Return the time of each mark's latest erasure; lines that were not written here are left out, and logged.

    Raises OSError where there is a file that cannot be read.
    """
    path = Path(settings.ERASURE_MARKS_FILE)
    try:
        status = path.stat()
    except FileNotFoundError:
        return {}
    return _read(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1)
def _read(path: Path, size: int, modified_ns: int) -> Mapping[str, int]:
    erasure_times: dict[str, int] = {}
    bad_lines = 0
    with path.open(encoding="ascii", errors="replace") as file:
        for line in file:
            match line.split():
                case []:
                    pass
                case [mark, at, code] if at.isdecimal() and hmac.compare_digest(
                    code.encode(), _code(mark, at).encode()
                ):
                    erasure_times[mark] = max(int(at), erasure_times.get(mark, 0))
                case _:
                    bad_lines += 1
    if bad_lines:
        log.warning("erasure_marks.bad_lines file=%s lines=%s", path, bad_lines)
    return erasure_times


def _code(mark: str, at: int | str) -> str:
    key = sealed.derive("consents.marks_file")
    return hmac.digest(key, f"{mark} {at}".encode("utf-8", "replace"), "sha256").hex()
