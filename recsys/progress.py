"""Progress callbacks of long-running work."""

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with a message and the share done, 0 to 1."""


def part_of(progress: Progress, low: float, high: float) -> Progress:
    """Return a callback for a part of the work; its shares 0 to 1 become `low` to `high` of the whole."""
    return lambda message, share: progress(message, low + (high - low) * share)


def silent(message: object, share: float) -> None:
    """Report nothing."""
