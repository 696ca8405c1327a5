"""Accepting the items of one request: each is judged by consent, and its verdict becomes log entries.

Earlier items of a request count for later ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from consents import cache
from consents.notices import Notice
from consents.rules import ConsentRules, region_in
from consents.state import ConsentState, Decision
from consents.subjects import raw_ids
from consents.verdict import KEPT_FOR, EventConsent, EventVerdict, Link, judge
from events.intake.context import minimized, told_without_queries
from events.intake.items import Item
from events.log.base import Entry
from events.services.consent_events import consent_updated
from events.types.base import Event
from events.types.consent_updated import CONSENT_UPDATED
from events.types.registry import EVENT_TYPES, event_type


@dataclass(slots=True)
class Writes:
    """What a request writes: links, then the log, then the rest of the consent cache."""

    entries: list[Entry] = field(default_factory=list)
    decisions: dict[str, dict[str, Decision]] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    regions: dict[str, str] = field(default_factory=dict)

    def add(self, verdict: EventVerdict) -> None:
        """Add what one verdict writes to the cache. Of several decisions on a purpose the last one is written."""
        self.links += verdict.links
        self.regions |= verdict.regions
        for raw_id, decisions in verdict.cached.items():
            self.decisions.setdefault(raw_id, {}).update(decisions)

    def queue_cache(self, pipe: Any) -> bool:
        """Queue the cache's decisions and regions; return whether there are any."""
        for raw_id, decisions in self.decisions.items():
            cache.apply_all(pipe, raw_id, decisions)
        for raw_id, region in self.regions.items():
            cache.seen_in(pipe, raw_id, region)
        return bool(self.decisions or self.regions)


class Acceptance:
    """Accepts the items of one request in their order, and gathers what is to be written."""

    def __init__(
        self, states: Mapping[str, ConsentState], rules: ConsentRules, *, gpc: bool = False, region: str | None = None
    ) -> None:
        self.writes = Writes()
        self._states, self._rules = dict(states), rules
        self._gpc, self._region = gpc, region

    def take(self, item: Item) -> bool:
        """Put the item's entries among the writes; return whether the event itself is kept."""
        consent = self._event_consent(item)
        verdict = judge(consent, self._states, self._rules)
        self._states.update(verdict.states)
        self.writes.add(verdict)
        if verdict.kept:
            self.writes.entries.append(_kept(item, verdict, region=consent.region))
        else:
            self.writes.entries.append(_counted(item.event, verdict.reason if item.for_us else "not_for_us"))
        self.writes.entries += [_updated(notice, item, region=consent.region) for notice in verdict.notices]
        return verdict.kept

    def _event_consent(self, item: Item) -> EventConsent:
        event = item.event
        return EventConsent(
            message_id=event.message_id,
            at=event.at,
            raw_ids=raw_ids(event.user_id, event.anonymous_id),
            previous_ids=raw_ids(event.previous_id, event.previous_id),
            choices={name: given for name, given in item.categories.items() if isinstance(given, bool)},
            gpc=self._gpc,
            region=region_in(item.context) or self._region,
            uses=uses_of(event) if item.for_us else (),
        )


def uses_of(event: Event) -> tuple[str, ...]:
    """Return the purposes for which an event may be kept. An order is a contract: it is essential."""
    if event.kind != "track":
        return KEPT_FOR
    purpose = event_type(event.name).purpose
    # The log holds the decisions of one that a client sent in any case: on a notice where the event is not kept.
    return KEPT_FOR if event.name == CONSENT_UPDATED.name else (*KEPT_FOR, purpose)


def _kept(item: Item, verdict: EventVerdict, *, region: str | None) -> Entry:
    event = replace(
        item.event,
        properties=told_without_queries(item.event.properties),
        context=minimized(item.context, region=region, policy_version=_policy(item)),
        consents=dict(verdict.carried),
        allowed=verdict.allowed,
    )
    return Entry("event", event.raw_id, event.encode())


def _counted(event: Event, reason: str) -> Entry:
    """Return the entry that counts the event without ids. A shop's own name may name a person: it counts as custom.

    Counts have no order: they are spread over the shards, by what is written nowhere. By their few names, one shard
    would fill up alone.
    """
    name = event.name if event.name in EVENT_TYPES else "custom" if event.kind == "track" else event.kind
    day = datetime.fromtimestamp(event.received_at / 1e6, UTC).date().isoformat()
    return Entry("counted", event.message_id, orjson.dumps({"name": name, "day": day, "reason": reason}))


def _updated(notice: Notice, item: Item, *, region: str | None) -> Entry:
    context = {} if notice.repeated else minimized({}, region=region, policy_version=_policy(item))
    event = consent_updated(
        notice.raw_id,
        notice.choices,
        message_id=notice.message_id,
        at=notice.at,
        received_at=item.event.received_at,
        context=context,
        source=item.event.source,
    )
    return Entry("event", event.raw_id, event.encode())


def _policy(item: Item) -> str:
    consent = item.context.get("consent")
    version = consent.get("policy_version") if isinstance(consent, dict) else None
    return str(version)[:40] if isinstance(version, (str, int)) else ""
