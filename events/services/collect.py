"""Accepts events: items in, log entries out; returns once the log holds them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from access.keys import KeyRecord, masked
from access.selectors import key_named
from common import clock
from common.errors import FieldError, InvalidInput, TooLarge
from common.redis import Companion
from consents.rules import ConsentRules
from consents.selectors import consent_rules, states_of_people
from consents.subjects import raw_ids
from customers.personal_seals import sealed_payload
from customers.shop_ids import note_sealed
from events.allowed_fields import field_list
from events.dropped_fields import drop_counter
from events.intake.items import CATEGORIES, Envelope, Item, Refused, read_item
from events.intake.limits import MAX_ITEM, MAX_WRITTEN
from events.intake.parse import Unreadable
from events.log.base import Entry
from events.services import waiting
from events.services.acceptance import Acceptance
from events.services.attribution import attributed
from events.services.pseudonymization import payload_with_pseudonyms, with_pseudonyms, with_sealed_traits
from events.services.request_context import SECRETS, envelope_of, request_context_of, without
from events.services.submission import Submission, submission_of
from events.stream.tail import tail
from events.types.base import Event

DROPPED_CONTEXT: Final = ("ip", "userAgent", "location", "network", "user_hash")
"""Fields of a context that even a rejected event does not keep."""
UNKNOWN_KEY: Final = "no purpose is mapped to this consent key: the events were judged without it"
LONGEST_KEY: Final = 100
_SECRET_FIELDS: Final = re.compile(r'("(?:writeKey|user_hash|ip|userAgent)"\s*+:\s*+)"(?:[^"\\]|\\.)*+"?', re.DOTALL)
"""Secret and locating fields, in the text of an item that could not be parsed."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender: a key (None: our own server), and the shopper's signals from the request's headers."""

    key: KeyRecord | None = None
    gpc: bool = False
    region: str | None = None

    @property
    def source(self) -> str:
        """The name of the sender on events."""
        return self.key.actor if self.key else "server"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a batch: events kept, events that wait for a decision, and rejected items.

    `unlisted_fields` are the paths that were dropped from kept events because no purpose needs them.
    """

    stored: int
    waiting: int
    set_aside: tuple[Refused, ...]
    unlisted_fields: tuple[str, ...] = ()


def collect(
    items: Sequence[Any],
    *,
    sender: Sender,
    envelope: Envelope,
    kind: str | None = None,
    prefix: str = "batch",
    companion: Companion | None = None,
    is_ours: bool = False,
) -> Outcome:
    """Accept the valid items of a request and set the others aside; return when the log or the waiting room holds them.

    `is_ours`: the items were behind the door before, so that their ids are pseudonyms. A companion shares the round
    trip that reads consent; what its `settle` raises is raised before anything is written. Raises InvalidInput where no
    item is valid, and TooLarge where copies of shared parts make the items too large; then nothing is written. Raises
    Unavailable or redis errors where the log or the consent store does not answer; the same request may be sent again.
    """
    sound, refused = _sort(items, sender, envelope, kind, is_ours=is_ours)
    if not sound:
        errors = _errors(refused, prefix)
        raise InvalidInput(" ".join(["No event of the request is sound.", *map(str, errors[:1])]), errors=errors)
    submissions = [submission_of(item, gpc=sender.gpc, region=sender.region) for item in sound]
    rules = consent_rules()
    acceptance = Acceptance(
        states_of_people(_ids(item.event for item in sound), companion=companion), rules, field_list()
    )
    accepted = acceptance.take(submissions)
    rejected = [_entry_aside(items[position], why, envelope, sender) for position, why in refused]
    aside = rejected + _warnings(sound, rules, envelope)
    if _size(submissions, accepted) + sum(len(entry.body) for entry in aside) > MAX_WRITTEN:
        raise TooLarge(f"With what they share copied to each, the events hold more than {MAX_WRITTEN} bytes.")
    waiting.write(acceptance, submissions, accepted, aside)
    note_sealed(
        name
        for one, entry in zip(submissions, accepted, strict=True)
        if _is_kept(entry)
        for name in one.event.sealed_ids
    )
    drop_counter.note(acceptance.drops)
    tail.note_events([(one.event, entry) for one, entry in zip(submissions, accepted, strict=True)])
    if rejected:
        tail.note_rejected(rejected, source=envelope.source)
    if acceptance.writes.notices:
        tail.note_decisions(acceptance.writes.notices, source=envelope.source)
    return Outcome(
        stored=sum(_is_kept(entry) for entry in accepted),
        waiting=sum(entry is None for entry in accepted),
        set_aside=tuple(why for _, why in refused),
        unlisted_fields=tuple(acceptance.drops.unlisted),
    )


def _is_kept(entry: Entry | None) -> bool:
    return entry is not None and entry.kind == "event"


def _size(submissions: Sequence[Submission], accepted: Sequence[Entry | None]) -> int:
    pairs = zip(submissions, accepted, strict=True)
    return sum(len(entry.body if entry else one.event.encode()) for one, entry in pairs)


def collect_server_items(items: Sequence[Any], *, source: str = "server", is_ours: bool = False) -> Outcome:
    """Accept items in Segment's shape that our own server makes, such as the demo shop's orders."""
    envelope = Envelope(received_at=clock.epoch_us(), source=source)
    return collect(items, sender=Sender(), envelope=envelope, is_ours=is_ours)


def replay(
    payload: str, *, source: str, received_at: int, request_context: Mapping[str, Any], message_id: str
) -> Outcome:
    """Accept a rejected event once more; with its message id it is never counted twice.

    Sender, `received_at` (microseconds since the epoch) and `request_context` are those of the first time. `message_id`
    is for an item that has neither an id nor a time to make one from. Raises InvalidInput where the item is still not
    valid, or where its key is unknown.
    """
    try:
        item = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise InvalidInput.of("", f"is not JSON: {error.msg}") from error
    if isinstance(item, dict) and not any(item.get(name) for name in ("messageId", "originalTimestamp", "timestamp")):
        item["messageId"] = message_id
    sender = replace(sender_named(source), gpc=request_context.get("gpc", False), region=request_context.get("region"))
    envelope = envelope_of(request_context, received_at=received_at, source=source)
    return collect([item], sender=sender, envelope=envelope, prefix="", is_ours=True)


def sender_named(source: str) -> Sender:
    """Return the sender by its label on an event. Raises InvalidInput for an unknown key."""
    if source == Sender().source:
        return Sender()
    if (key := key_named(source)) is None:
        raise InvalidInput("The key it came with is not known, so nobody can say what it may send.")
    return Sender(key=key)


def _sort(
    items: Sequence[Any], sender: Sender, envelope: Envelope, kind: str | None, *, is_ours: bool
) -> tuple[list[Item], list[tuple[int, Refused]]]:
    """Return the valid items, each as its sender may speak, and the others with position and reason."""
    valid: list[Item] = []
    rejected: list[tuple[int, Refused]] = []
    for position, raw in enumerate(items):
        result = Refused(raw.reason, raw.field) if isinstance(raw, Unreadable) else read_item(raw, envelope, kind=kind)
        if isinstance(result, Refused):
            rejected.append((position, result))
        else:
            item = with_pseudonyms(attributed(result, sender.key), is_ours=is_ours)
            valid.append(with_sealed_traits(item, is_ours=is_ours))
    return valid, rejected


def _ids(events: Iterable[Event]) -> Iterator[str]:
    """Yield every raw id that the events name."""
    for event in events:
        yield from raw_ids(event.user_id, event.anonymous_id)
        yield from raw_ids(event.previous_id, event.previous_id)
        if event.claimed_user_id:
            yield f"user:{event.claimed_user_id}"


def _errors(refused: Sequence[tuple[int, Refused]], prefix: str) -> tuple[FieldError, ...]:
    def place(position: int, name: str) -> str:
        return ".".join(part for part in ((f"{prefix}.{position}" if prefix else ""), name) if part)

    return tuple(FieldError(place(position, why.field), why.reason) for position, why in refused)


def _entry_aside(raw: Any, why: Refused, envelope: Envelope, sender: Sender) -> Entry:
    """Return the log entry of a rejected item: its payload without address and secrets, cut to size."""
    message_id = raw.message_id if isinstance(raw, Unreadable) else None
    message_id = raw.get("messageId") if isinstance(raw, Mapping) else message_id
    payload = _payload(raw)
    whole = isinstance(raw, Mapping) and len(payload) <= MAX_ITEM  # a cut item can never be sent again
    body = {
        "message_id": message_id if isinstance(message_id, str) else None,
        "reason": why.reason,
        "field": why.field,
        "payload": payload[:MAX_ITEM],
        "carried": sealed_payload(request_context_of(raw, envelope, gpc=sender.gpc, region=sender.region))
        if whole
        else {},
        "received_at": envelope.received_at,
        "source": envelope.source,
    }
    return Entry("set_aside", str(message_id or envelope.received_at), orjson.dumps(body))


def _warnings(items: Iterable[Item], rules: ConsentRules, envelope: Envelope) -> list[Entry]:
    """Return a warning for each consent key that nobody mapped to a purpose, with the number of events that hold it."""
    unknown = Counter(key for item in items for key in item.categories if rules.purpose_of(key) is None)
    return [
        Entry(
            "set_aside",
            key,
            orjson.dumps(
                {
                    "reason": UNKNOWN_KEY,
                    "field": f"{CATEGORIES}.{key[:LONGEST_KEY]}",
                    "warning": f"{CATEGORIES}.{key[:LONGEST_KEY]}",
                    "times": times,
                    "received_at": envelope.received_at,
                    "source": envelope.source,
                }
            ),
        )
        for key, times in unknown.items()
    ]


def _payload(raw: Any) -> str:
    if isinstance(raw, Unreadable):
        return masked(_SECRET_FIELDS.sub(r'\1"…"', raw.text.replace("\x00", "\N{REPLACEMENT CHARACTER}")))
    try:
        return masked(orjson.dumps(_without_secrets(raw) if isinstance(raw, dict) else raw).decode())
    except TypeError:
        return "nested too deeply to be shown"


def _without_secrets(item: dict[str, Any]) -> dict[str, Any]:
    """Return the item without fields that locate somebody, grant access or prove an id."""
    payload = without(item, SECRETS)
    if "context" in payload:
        payload["context"] = without(payload["context"], DROPPED_CONTEXT)
    for part in (payload, payload.get("context")):
        if isinstance(part, dict) and "traits" in part:
            part["traits"] = without(part["traits"], SECRETS)
    sealed: dict[str, Any] = sealed_payload(payload_with_pseudonyms(payload))
    return sealed
