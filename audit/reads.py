"""Records who read a customer's data. Whoever reads again within the hour is not recorded again by the same process."""

import hashlib
import time
from typing import Final

from audit.services import record

HOUR: Final = 3600.0
MOST_REMEMBERED: Final = 10_000
_remembered: dict[bytes, float] = {}


def note_read(action: str, *, actor: str, object: str, subject: str | None = None) -> None:
    """Record a read as `action`; `subject` is the customer, of whom something is known.

    A server may ask for the same customer with each page of its shop, so reads are remembered for an hour, as hashes.
    Raises what `record` raises: what cannot be recorded is not read.
    """
    now = time.monotonic()
    read = hashlib.sha256(f"{action}\n{actor}\n{object}\n{subject}".encode("utf-8", "surrogatepass")).digest()
    if now - _remembered.get(read, -HOUR) < HOUR:
        return
    record(category="privacy", action=action, actor=actor, object=object, subject=subject)
    if len(_remembered) >= MOST_REMEMBERED:
        _remembered.clear()
    _remembered[read] = now
