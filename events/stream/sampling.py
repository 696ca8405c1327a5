"""Which lines are written: all while few come, above that a share, and the first of each kind in any case. Pure."""

from dataclasses import dataclass, field
from typing import Final

BURST: Final = 100
"""Lines that may be written at once after a quiet time."""
PER_SECOND: Final = 40.0
RARE: Final = 10
"""Lines of further kinds in one turn, beyond what is allowed."""


@dataclass(slots=True)
class Allowance:
    """The lines that one process may still write. A kind is a sender, a name and a verdict."""

    lines: float = BURST
    rare: int = RARE
    kinds: set[tuple[str, str, str]] = field(default_factory=set)
    refilled_at: float = 0.0

    def take(self, source: str, name: str, verdict: str) -> bool:
        """Return whether a line of this kind is to be written."""
        if self.lines >= 1:
            self.lines -= 1
            return True
        kind = (source, name, verdict)
        if self.rare and kind not in self.kinds:
            self.rare -= 1
            self.kinds.add(kind)
            return True
        return False

    def refill(self, now: float) -> None:
        """Begin the next turn; `now` in seconds of a steady clock."""
        self.lines = min(BURST, self.lines + PER_SECOND * max(0.0, now - self.refilled_at))
        self.rare, self.refilled_at = RARE, now
        self.kinds.clear()
