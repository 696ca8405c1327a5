"""What a request carried beside an item that is set aside, so that sending it again judges as the first time would.

Kept on the row: the shopper's privacy signal, the region, and of the body's own fields what an item's event is made of.
No address, no user agent, no secret. Pure.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from access.keys import masked
from consents.rules import region_in
from events.intake.context import device_type, minimized
from events.intake.items import OURSELVES, Envelope
from events.types.products import text

SECRETS: Final = ("writeKey", "user_hash")
"""What opens or proves something: staff read what was set aside."""
Carried = dict[str, Any]


def carried_with(raw: Mapping[str, Any], envelope: Envelope, *, gpc: bool, region: str | None) -> Carried:
    """Return what an item came with; what it did not come with is left out."""
    own = _mapping(raw.get("context"))
    context = _shared_context(envelope.context, own, identifies=_identifies(raw))
    found = {
        "gpc": gpc,
        "region": region_in({**envelope.context, **own}) or region,
        "sent_at": envelope.sent_at,
        "context": context,
        "unwanted": envelope.integrations.get(OURSELVES) is False,
    }
    told = {name: value for name, value in found.items() if value}
    return dict(orjson.loads(masked(orjson.dumps(told).decode())))


def envelope_of(carried: Mapping[str, Any], *, received_at: int, source: str) -> Envelope:
    """Return the envelope in which an item goes again."""
    return Envelope(
        received_at=received_at,
        source=source,
        sent_at=carried.get("sent_at"),
        context=_mapping(carried.get("context")),
        integrations={OURSELVES: False} if carried.get("unwanted") else {},
    )


def without(value: Any, names: tuple[str, ...]) -> Any:
    """Return an object without what is named so; anything else as it is."""
    return {name: inner for name, inner in value.items() if name not in names} if isinstance(value, dict) else value


def _shared_context(shared: Mapping[str, Any], own: Mapping[str, Any], *, identifies: bool) -> dict[str, Any]:
    """Return the part of the body's context that reaches the event: an item's own wins over it, part by part."""
    agent = device_type({**shared, **own}.get("userAgent"))
    kept = minimized({name: value for name, value in shared.items() if name != "userAgent"}, region=None)
    if "consent" in shared:
        kept["consent"] = shared["consent"]
    if identifies and "traits" in shared:
        kept["traits"] = without(shared["traits"], SECRETS)
    # The type alone: read as a user agent, each of the four words is guessed to be itself.
    return {**kept, "userAgent": agent} if agent else kept


def _identifies(item: Mapping[str, Any]) -> bool:
    """Return whether an item says who somebody is; traits beside one that names nobody, no erasure would find."""
    return item.get("type") == "identify" and bool(text(item.get("userId")) or text(item.get("anonymousId")))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
