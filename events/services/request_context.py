"""What a request said beside a rejected item, so that sending the item again gives the same answer. Pure.

Kept on the row: the shopper's privacy signal, the region, and those fields of the body that the item's event uses. No
address, no user agent, no secret.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from access.keys import masked
from consents.rules import region_in
from events.intake.context import device_type, minimized, without_own_fields
from events.intake.items import OURSELVES, Envelope
from events.types.products import text

SECRETS: Final = ("writeKey", "user_hash")
"""Fields that grant access or prove an id. They are dropped, because staff read set-aside items."""
RequestContext = dict[str, Any]


def request_context_of(item: Mapping[str, Any], envelope: Envelope, *, gpc: bool, region: str | None) -> RequestContext:
    """Return what the request said beside the item, without empty values."""
    own = _mapping(item.get("context"))
    parts = {
        "gpc": gpc,
        "region": region_in({**envelope.context, **own}) or region,
        "sent_at": envelope.sent_at,
        "context": _shared_context(envelope.context, own, names_somebody=_names_somebody(item)),
        "unwanted": envelope.integrations.get(OURSELVES) is False,
    }
    stated = {name: value for name, value in parts.items() if value}
    return dict(orjson.loads(masked(orjson.dumps(stated).decode())))


def envelope_of(request_context: Mapping[str, Any], *, received_at: int, source: str) -> Envelope:
    """Return the envelope for sending an item again."""
    return Envelope(
        received_at=received_at,
        source=source,
        sent_at=request_context.get("sent_at"),
        context=_mapping(request_context.get("context")),
        integrations={OURSELVES: False} if request_context.get("unwanted") else {},
    )


def without(value: Any, names: tuple[str, ...]) -> Any:
    """Return an object without the named fields, and any other value unchanged."""
    return {name: inner for name, inner in value.items() if name not in names} if isinstance(value, dict) else value


def _shared_context(shared: Mapping[str, Any], own: Mapping[str, Any], *, names_somebody: bool) -> dict[str, Any]:
    """Return the part of the body's context that reaches the event: an item's own wins over it, part by part."""
    device = device_type({**shared, **own}.get("userAgent"))
    context = minimized({name: value for name, value in shared.items() if name != "userAgent"}, region=None)
    if "consent" in shared:
        context["consent"] = shared["consent"]
    if not names_somebody:
        # No erasure would find what the shop says of somebody on an item without an id.
        context = without_own_fields(context)
    # Only the device type: `device_type` reads each of its own four words as itself.
    return {**context, "userAgent": device} if device else context


def _names_somebody(item: Mapping[str, Any]) -> bool:
    return bool(text(item.get("userId")) or text(item.get("anonymousId")))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
