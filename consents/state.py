"""What one raw id decided, as every door reads it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

GPC = "gpc"
"""The name under which a Global Privacy Control signal is remembered on a known account, beside the purposes."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One yes or no. `at` is event time in microseconds since the epoch; `event_id` names the proof."""

    given: bool
    at: int
    event_id: str = ""

    def beats(self, other: "Decision | None") -> bool:
        """Return whether this one holds against the other: the later wins, and of two at one time the refusal."""
        if other is None:
            return True
        return (self.at, not self.given, self.event_id) > (other.at, not other.given, other.event_id)


@dataclass(frozen=True, slots=True)
class ConsentState:
    """The latest decision of one raw id on each purpose.

    `epoch` counts the changes of mind; `region` is where the subject was last seen; `links` tells since when, in
    microseconds, the id was seen together with each other raw id.
    """

    decisions: Mapping[str, Decision] = field(default_factory=dict)
    epoch: int = 0
    region: str | None = None
    links: Mapping[str, int] = field(default_factory=dict)

    def on(self, purpose: str) -> Decision | None:
        """Return the latest decision on the purpose, or None where there is none."""
        return self.decisions.get(purpose)

    def with_decision(self, purpose: str, decision: Decision) -> "ConsentState":
        """Return the state after one more decision, which may be older than what is known."""
        known = self.decisions.get(purpose)
        if not decision.beats(known):
            return self
        changed = known is None or known.given != decision.given
        return replace(self, decisions={**self.decisions, purpose: decision}, epoch=self.epoch + changed)

    def with_link(self, raw_id: str, at: int) -> "ConsentState":
        """Return the state after the id was seen together with another at that time; the earliest time is kept."""
        known = self.links.get(raw_id)
        return self if known is not None and known <= at else replace(self, links={**self.links, raw_id: at})


NOTHING_DECIDED = ConsentState()
