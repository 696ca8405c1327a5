"""Accepting events: each is judged by consent, and its verdict becomes a log entry, or it waits for a decision.

Earlier events of a request count for later ones. One that waits is judged again once others of its request decided.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from msgspec.structs import replace

from consents import cache
from consents.notices import Notice
from consents.person import person_of
from consents.rules import ConsentRules
from consents.state import ConsentState, Decision
from consents.verdict import EventVerdict, Link, judge
from events.dropped_fields import DropCounts
from events.field_list import FieldList
from events.log.base import Entry
from events.services.consent_events import consent_updated
from events.services.submission import Submission
from events.types.base import Event
from events.types.registry import countable_name

MOST_PASSES: Final = 3
"""How often the waiting events of one request are judged again. What an even longer chain of links frees waits on."""


@dataclass(slots=True)
class Writes:
    """What verdicts write besides the events' own entries: links, notices for the log, then the consent cache."""

    notices: list[Entry] = field(default_factory=list)
    decisions: dict[str, dict[str, Decision]] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    regions: dict[str, str] = field(default_factory=dict)

    def add(self, verdict: EventVerdict) -> None:
        """Add what one verdict writes to the cache. Of several decisions on a purpose the last one is written."""
        self.links += verdict.links
        self.regions |= verdict.regions
        for raw_id, decisions in verdict.cached.items():
            self.decisions.setdefault(raw_id, {}).update(decisions)

    def queue_cache(self, pipe: Any) -> None:
        """Queue the cache's decisions and regions."""
        for raw_id, decisions in self.decisions.items():
            cache.apply_all(pipe, raw_id, decisions)
        for raw_id, region in self.regions.items():
            cache.seen_in(pipe, raw_id, region)


class Acceptance:
    """Accepts events in their order, with the fields that an allowed purpose needs; gathers what is to be written."""

    def __init__(self, states: Mapping[str, ConsentState], rules: ConsentRules, fields: FieldList) -> None:
        self.writes, self.drops = Writes(), DropCounts()
        self._states, self._rules, self._fields = dict(states), rules, fields

    def take(self, submissions: Sequence[Submission]) -> list[Entry | None]:
        """Return each event's own log entry, or None where it waits for a decision."""
        entries: list[Entry | None] = [None] * len(submissions)
        waiting = list(range(len(submissions)))
        for _ in range(MOST_PASSES):
            for position in waiting:
                entries[position] = self._judge(submissions[position])
            before, waiting = len(waiting), [position for position in waiting if entries[position] is None]
            if len(waiting) in (0, before):
                break
        return entries

    def affected_ids(self) -> set[str]:
        """Return the raw ids of everybody who decided or was linked: what waits for them may be judged now."""
        changed = {*self.writes.decisions, *(raw_id for link in self.writes.links for raw_id in link[:2])}
        return changed | self._people(changed)

    def waiting_states(self, submissions: Iterable[Submission]) -> dict[str, ConsentState]:
        """Return the states by which these events wait."""
        people = self._people(raw_id for one in submissions for raw_id in one.raw_ids)
        return {raw_id: self._states.get(raw_id, ConsentState()) for raw_id in people}

    def _people(self, raw_ids: Iterable[str]) -> set[str]:
        return {other for raw_id in raw_ids for other in person_of([raw_id], self._states).states}

    def _without_erased_claim(self, submission: Submission) -> Submission:
        """Drop the user that a browser named without proof, if that user was erased."""
        event = submission.event
        claimed = self._states.get(f"user:{event.claimed_user_id}") if event.claimed_user_id else None
        if claimed is None or not claimed.suppresses(event.at):
            return submission
        return replace(submission, event=replace(event, claimed_user_id=None))

    def _judge(self, submission: Submission) -> Entry | None:
        submission = self._without_erased_claim(submission)
        verdict = judge(submission.consent, self._states, self._rules)
        if verdict.waits:
            return None
        self._states.update(verdict.states)
        self.writes.add(verdict)
        self.writes.notices += [_updated(notice, submission.event) for notice in verdict.notices]
        if verdict.kept:
            event = replace(submission.event, consents=dict(verdict.carried), allowed=verdict.allowed)
            event, drops = self._fields.minimized(event)
            self.drops.add(drops)
            return Entry("event", event.raw_id, event.encode(), submission.raw_ids)
        return counted(submission.event, verdict.reason if submission.consent.uses else "not_for_us")


def counted(event: Event, reason: str) -> Entry:
    """Return the entry that counts the event without ids. A shop's own name may name a person: it counts as custom.

    Counts have no order: they are spread over the shards, by what is written nowhere. By their few names, one shard
    would fill up alone.
    """
    day = datetime.fromtimestamp(event.received_at / 1e6, UTC).date().isoformat()
    return Entry(
        "counted", event.message_id, orjson.dumps({"name": countable_name(event), "day": day, "reason": reason})
    )


def _updated(notice: Notice, event: Event) -> Entry:
    context = {} if notice.repeated else event.context
    updated = consent_updated(
        notice.raw_id,
        notice.choices,
        message_id=notice.message_id,
        at=notice.at,
        received_at=event.received_at,
        context={name: context[name] for name in ("region", "consent") if name in context},
        source=event.source,
    )
    return Entry("event", updated.raw_id, updated.encode(), (notice.raw_id,))
