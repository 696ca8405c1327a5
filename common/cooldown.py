"""How long a store that failed is left alone."""

import time


class Cooldown:
    """How long a process leaves a store alone after it failed, so that not every request waits for a dead one."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.until = seconds, 0.0

    def active(self) -> bool:
        """Return whether the store is left alone now."""
        return time.monotonic() < self.until

    def pending(self) -> bool:
        """Return whether the store failed when it was last asked."""
        return self.until > 0

    def start(self) -> None:
        """Leave the store alone from now on."""
        self.until = time.monotonic() + self.seconds

    def clear(self) -> None:
        """Ask the store again: it answered."""
        self.until = 0.0
