"""Where a decision made at this room's own door is written for replay. The events room, further down, says where."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from common.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Change:
    """Decisions of one subject, made at this moment. `at` in microseconds since the epoch."""

    message_id: str
    raw_id: str
    decisions: Mapping[str, bool]
    at: int
    source: str
    policy_version: str
    region: str


_writers: list[Callable[[Change], None]] = []


def write_with(writer: Callable[[Change], None]) -> None:
    """Name the writer; called once, when the process starts."""
    _writers[:] = [writer]


def write(change: Change) -> None:
    """Write the change to the log. Raises Unavailable where that fails."""
    if not _writers:
        raise Unavailable("No event log is attached.")
    _writers[0](change)
