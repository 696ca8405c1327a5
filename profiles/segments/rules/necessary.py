"""What a profile must hold at least to meet a rule, so that a scan skips the others before it reads them. Pure."""

from dataclasses import dataclass
from math import ceil

from events.types.base import Signal
from profiles.history import LASTING
from profiles.segments.rules.conditions import EventCount, Group, LastEvent, Node, TraitNumber


@dataclass(frozen=True, slots=True)
class Minimum:
    """At least so many interactions within the window (microseconds; None: ever): lasting ones, or browsing."""

    is_lasting: bool
    window: int | None
    times: int


def minima(node: Node) -> tuple[Minimum, ...]:
    """Return conditions that every member meets; whoever fails one is no member. None is said of alternatives."""
    match node:
        case Group("all", parts):
            return tuple(dict.fromkeys(one for part in parts for one in minima(part)))
        case EventCount(event, "at_least" | "equals", times, window) if times > 0:
            return (_minimum(event, None if window is None else window.microseconds, times),)
        case LastEvent(event, relation, window):
            return (_minimum(event, window.microseconds if relation == "within" else None, 1),)
        case TraitNumber(path, "at_least" | "equals", value) if value > 0 and path.startswith("action_counts."):
            return (Minimum(path.partition(".")[2] in LASTING, None, ceil(value)),)
        case TraitNumber("rfm.frequency" | "rfm.monetary", "at_least" | "equals", value) if value > 0:
            return (Minimum(is_lasting=True, window=None, times=1),)
    return ()


def _minimum(event: Signal, window: int | None, times: int) -> Minimum:
    return Minimum(event in LASTING, window, times)
