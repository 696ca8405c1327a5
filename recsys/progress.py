"""Who waits for a training is told what it is at, and how much of the whole is done."""

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with a sentence and a share, 0 to 1."""


def part_of(progress: Progress, low: float, high: float) -> Progress:
    """Return who is told of a part of the whole, which lies between two shares."""
    return lambda message, share: progress(message, low + (high - low) * share)


def silent(message: object, share: float) -> None:
    """Tell nobody what is waited for."""
