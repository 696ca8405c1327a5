"""What one raw id decided, as every door reads it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import msgspec

GPC = "gpc"
FIELDS = ("epoch", "region", "erased")
"""What the store of decisions keeps of an id beside its decisions and links, by these names."""
"""The name under which a Global Privacy Control signal is remembered on a known account, beside the purposes."""


class Decision(msgspec.Struct, frozen=True):
    """One yes or no. `at` is event time in microseconds since the epoch; `event_id` names the proof."""

    given: bool
    at: int
    event_id: str = ""

    @property
    def rank(self) -> tuple[int, bool, str]:
        """The order in which decisions hold: the later wins, and of two at one time the refusal."""
        return self.at, not self.given, self.event_id

    def beats(self, other: "Decision | None") -> bool:
        """Return whether this one holds against the other."""
        if other is None or self.at != other.at:
            return other is None or self.at > other.at
        return self.rank > other.rank

    def changes(self, known: "Decision | None") -> bool:
        """Return whether this one is a change of mind against the other."""
        return known is None or known.given != self.given

    def changed_late(self, known: "Decision | None", *, recorded: bool | None) -> bool:
        """Return whether this one holds no more, for a yes was given since, but changed the mind of its time.

        `recorded` is the mind on record for that time. Behind a refusal, what was before is withdrawn anyway.
        """
        return known is not None and known.given and known.at > self.at and self.given != recorded


def latest(decisions: Iterable[Decision]) -> Decision:
    """Return the decision that holds against all others."""
    return max(decisions, key=lambda one: one.rank)


def mind_at(at: int, proofs: Iterable[Decision]) -> bool:
    """Return what was decided last until then; yes where nothing was, for that is what a late refusal changes."""
    return latest([one for one in proofs if one.at <= at] or [Decision(True, at)]).given


@dataclass(frozen=True, slots=True)
class ConsentState:
    """The latest decision of one raw id on each purpose.

    `epoch` counts the changes of mind; `region` is where the subject was last seen; `links` says since when, in
    microseconds, the id was seen together with each other raw id. `late_choices` are the yes or no that this request
    wrote last of those that came late: the cache does not hold them. `erased_at` is when the id was erased, in
    microseconds, if it was.
    """

    decisions: Mapping[str, Decision] = field(default_factory=dict)
    epoch: int = 0
    region: str | None = None
    links: Mapping[str, int] = field(default_factory=dict)
    late_choices: Mapping[str, bool] = field(default_factory=dict, compare=False)
    erased_at: int | None = field(default=None, compare=False)

    def on(self, purpose: str) -> Decision | None:
        """Return the latest decision on the purpose, or None where there is none."""
        return self.decisions.get(purpose)

    def with_decision(self, purpose: str, decision: Decision) -> "ConsentState":
        """Return the state after one more decision, which may be older than what is known."""
        return self.with_decisions({purpose: decision})

    def with_decisions(self, decisions: Mapping[str, Decision]) -> "ConsentState":
        """Return the state after one more decision on each of the purposes."""
        winners = {purpose: one for purpose, one in decisions.items() if one.beats(self.on(purpose))}
        if not winners:
            return self
        changes = sum(one.changes(self.on(purpose)) for purpose, one in winners.items())
        return replace(self, decisions={**self.decisions, **winners}, epoch=self.epoch + changes)

    def suppresses(self, at: int) -> bool:
        """Return whether the id was erased, so that an event of that time must not bring it back.

        Only a decision that the shopper made later, at the consent API, lets later events in: a browser repeats its old
        decisions with each event.
        """
        if self.erased_at is None:
            return False
        return at <= self.erased_at or all(one.at <= self.erased_at for one in self.decisions.values())

    def with_link(self, raw_id: str, at: int) -> "ConsentState":
        """Return the state after the id was seen together with another at that time; the earliest time is kept."""
        known = self.links.get(raw_id)
        return self if known is not None and known <= at else replace(self, links={**self.links, raw_id: at})


NOTHING_DECIDED = ConsentState()
