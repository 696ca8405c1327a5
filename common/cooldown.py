"""A pause for a store that failed."""

import time


class Cooldown:
    """Pause of a process for a store that failed, so that not every request waits for it."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.until = seconds, 0.0

    def active(self) -> bool:
        """Return whether the pause is running."""
        return time.monotonic() < self.until

    def pending(self) -> bool:
        """Return whether the last query failed."""
        return self.until > 0

    def start(self) -> None:
        """Start the pause."""
        self.until = time.monotonic() + self.seconds

    def clear(self) -> None:
        """End the pause after a successful query."""
        self.until = 0.0
