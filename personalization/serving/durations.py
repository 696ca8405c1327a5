"""How long answers take to compute, so that a slot does not start what it cannot finish in time."""

from typing import Final

WEIGHT: Final = 0.1
"""Of the newest duration in the moving mean."""


class Durations:
    """A moving mean of milliseconds by strategy. Unknown strategies take no time: the first answer tells."""

    def __init__(self) -> None:
        self._means: dict[str, float] = {}

    def expected(self, strategy: str) -> float:
        """Return how many milliseconds an answer of the strategy usually takes."""
        return self._means.get(strategy, 0.0)

    def note(self, strategy: str, milliseconds: float) -> None:
        """Take one more answer into the mean."""
        mean = self._means.get(strategy, milliseconds)
        self._means[strategy] = mean + WEIGHT * (milliseconds - mean)


durations = Durations()
"""The durations of this process."""
