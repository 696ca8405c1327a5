"""From one item in Segment's shape to the canonical event, or to the reason for its rejection. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import msgspec
import orjson

from common.errors import FieldError
from common.ids import uuid7
from events.intake.limits import MAX_CONSENTS, MAX_ITEM
from events.intake.payload_limits import limit_error
from events.intake.times import event_time, parse_time
from events.types.base import KINDS, Event, Kind
from events.types.products import MAX_TEXT, text
from events.types.registry import event_type

CATEGORIES: Final = "context.consent.categoryPreferences"
"""Where Segment's consent wrapper writes a shopper's decisions, by consent key."""
OURSELVES: Final = "Vitrine"
"""Our name among a sender's `integrations`; false there means that the event is not for us."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an item is rejected: the reason, and the field ("" for the whole item)."""

    reason: str
    field: str = ""


class Item(msgspec.Struct, frozen=True):
    """A valid event with data that is not kept on it.

    `context` is the whole context as sent; the event's own is filled when it is minimized. `categories` are the consent
    preferences. `user_hash` may prove the user id.
    """

    event: Event
    context: Mapping[str, Any] = msgspec.field(default_factory=dict)
    categories: Mapping[str, Any] = msgspec.field(default_factory=dict)
    user_hash: str | None = None
    for_us: bool = True


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all items of a request share."""

    received_at: int
    source: str = ""
    sent_at: int | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    integrations: Mapping[str, Any] = field(default_factory=dict)
    user_hash: str | None = None
    maybe_large: bool = True
    maybe_nul: bool = True


def read_item(item: Any, envelope: Envelope, *, kind: str | None = None) -> Item | Refused:
    """Return the item's event, still without context and consent, or why it is rejected. `kind` fixes the type."""
    if not isinstance(item, dict):
        return Refused("must be an object")
    if error := limit_error(item, maybe_large=envelope.maybe_large, maybe_nul=envelope.maybe_nul):
        return Refused(*error)
    try:
        return _read(item, envelope, kind=kind or item.get("type"))
    except _Invalid as invalid:
        return Refused(invalid.error.message, invalid.error.field)


class _Invalid(Exception):
    """Ends the reading of an item at its first error."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.error = FieldError(name, message)


def _read(item: dict[str, Any], envelope: Envelope, *, kind: Any) -> Item:
    if not isinstance(kind, str) or kind not in KINDS:
        raise _Invalid("type", f"must be one of {', '.join(sorted(KINDS))}")
    context = {**envelope.context, **_object(item, "context")}
    own, ambient = _object(item, "traits"), _mapping(context.get("traits"))
    hashes = (own.get("user_hash"), ambient.get("user_hash"), context.get("user_hash"))
    traits = {**ambient, **own} if kind == "identify" else own
    if "traits" in envelope.context and len(orjson.dumps(traits)) > MAX_ITEM:  # with the batch's shared traits
        raise _Invalid("traits", f"are larger than {MAX_ITEM} bytes")
    return Item(
        event=_event(item, envelope, kind=kind, traits=traits),
        context=context,
        categories=_decisions(context),
        user_hash=next((text(value) for value in hashes if text(value)), envelope.user_hash),
        for_us={**envelope.integrations, **_mapping(item.get("integrations"))}.get(OURSELVES) is not False,
    )


def _event(item: dict[str, Any], envelope: Envelope, *, kind: Kind, traits: Mapping[str, Any]) -> Event:
    user_id, anonymous_id, previous_id = _ids(item, kind)
    properties = _properties(item, kind)
    return Event(
        message_id=_message_id(item),
        kind=kind,
        name=_name(item, kind, properties),
        at=_event_time(item, envelope),
        received_at=envelope.received_at,
        user_id=user_id,
        anonymous_id=anonymous_id,
        previous_id=previous_id,
        properties=properties,
        traits={name: value for name, value in traits.items() if name != "user_hash"},
        source=envelope.source,
    )


def _decisions(context: Mapping[str, Any]) -> Mapping[str, bool]:
    """Return the decision by consent key. Null is none; any other value is an error, for it may have meant no."""
    place, consent = "context.consent", context.get("consent")
    if isinstance(consent, dict):
        place, consent = CATEGORIES, consent.get("categoryPreferences")
    consent = {} if consent is None else consent
    if not isinstance(consent, dict):
        raise _Invalid(place, "must be an object")
    for name, choice in consent.items():
        if choice is not None and not isinstance(choice, bool):
            raise _Invalid(f"{place}.{name}"[:MAX_TEXT], "must be true or false")
    choices = {name: choice for name, choice in consent.items() if choice is not None}
    choices = {**_managed_decisions(context.get("consentManagement")), **choices}
    if len(choices) > MAX_CONSENTS:
        raise _Invalid(place, f"holds more than {MAX_CONSENTS} purposes")
    return choices


def _managed_decisions(managed: Any) -> Mapping[str, bool]:
    """Return the decisions as RudderStack's SDK stamps them: lists of the ids that are allowed and denied."""
    choices: dict[str, bool] = {}
    for name, choice in (("allowedConsentIds", True), ("deniedConsentIds", False)):
        ids = managed.get(name) if isinstance(managed, dict) else None
        if ids is not None and not (isinstance(ids, list) and all(isinstance(one, str) for one in ids)):
            raise _Invalid(f"context.consentManagement.{name}", "must be a list of texts")
        choices |= dict.fromkeys(ids or (), choice)
    return choices


def _ids(item: dict[str, Any], kind: str) -> tuple[str | None, str | None, str | None]:
    user_id, anonymous_id, previous_id = (_id(item, name) for name in ("userId", "anonymousId", "previousId"))
    if not user_id and not anonymous_id:
        raise _Invalid("userId", "one of userId and anonymousId is needed")
    if kind != "alias":
        return user_id, anonymous_id, None
    if not (previous_id and user_id):
        raise _Invalid("previousId" if user_id else "userId", "is needed on an alias")
    return user_id, anonymous_id, previous_id


def _id(item: dict[str, Any], name: str) -> str | None:
    value = item.get(name)
    if value is None or value == "":
        return None
    identifier = text(value)
    if identifier is None:
        raise _Invalid(name, f"must be a string of at most {MAX_TEXT} characters")
    return identifier


def _message_id(item: dict[str, Any]) -> str:
    """Return the sender's message id. Without one it is a hash of an item that has a time, else a new id."""
    value = item.get("messageId")
    if value is not None and value != "":
        message_id = text(value)
        if message_id is None:
            raise _Invalid("messageId", f"must be a string of at most {MAX_TEXT} characters")
        return message_id
    if item.get("originalTimestamp") or item.get("timestamp"):
        content = {name: inner for name, inner in item.items() if name not in ("sentAt", "writeKey")}
        return "content-" + sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:40]
    return str(uuid7())


def _name(item: dict[str, Any], kind: str, properties: dict[str, Any]) -> str:
    if kind == "track":
        name = item.get("event")
        if not isinstance(name, str) or not name.strip() or len(name) > MAX_TEXT:
            raise _Invalid("event", f"must be a non-empty string of at most {MAX_TEXT} characters")
        return _checked_name(name, properties)
    name = item.get("name") if kind in ("page", "screen") else None
    return name[:MAX_TEXT] if isinstance(name, str) else ""


def _checked_name(name: str, properties: dict[str, Any]) -> str:
    """Return the canonical name. Raises _Invalid where the properties do not fit its type."""
    kind = event_type(name)
    if kind.server_only:
        raise _Invalid("event", "is written by the server alone")
    errors = kind.validate(properties)
    if errors:
        raise _Invalid(errors[0].field, errors[0].message)
    return kind.name


def _event_time(item: dict[str, Any], envelope: Envelope) -> int:
    name = "originalTimestamp" if item.get("originalTimestamp") else "timestamp"
    original = parse_time(item.get(name))
    if original is None and item.get(name):
        raise _Invalid(name, "must be an ISO 8601 time")
    if name == "originalTimestamp" and (corrected := parse_time(item.get("timestamp"))) is not None:
        # As RudderStack does: beside the sender's clock, `timestamp` is already corrected.
        return event_time(received_at=envelope.received_at, sent_at=None, original=corrected)
    sent_at = parse_time(item.get("sentAt")) or envelope.sent_at
    return event_time(received_at=envelope.received_at, sent_at=sent_at, original=original)


def _properties(item: dict[str, Any], kind: str) -> dict[str, Any]:
    properties = dict(_object(item, "properties"))
    if kind == "group" and (group_id := text(item.get("groupId"))):
        properties["group_id"] = group_id
    if kind in ("page", "screen") and (category := text(item.get("category"))):
        properties.setdefault("category", category)
    return properties


def _object(item: dict[str, Any], name: str) -> dict[str, Any]:
    value = item.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Invalid(name, "must be an object")
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
