"""Whom an event belongs to: a server names anybody, a browser only whom it proves. Pure.

Everything behind this line reads `user_id` as proven. A browser's unproved user id is a claim of its device: it is kept
beside the event, and the event belongs to the anonymous id alone.
"""

from hashlib import sha256

from msgspec.structs import replace

from access.identity import proves_user
from access.keys import KeyRecord
from events.intake.items import Item
from events.types.base import Event, Sender


def attributed(item: Item, key: KeyRecord | None) -> Item:
    """Return the item with the event of whom its sender speaks for. Without a key our own server sent it."""
    if key is None or not key.publishable:
        return item
    sender: Sender = "trusted_browser" if key.confirms_orders else "browser"
    has_user_hash = bool(item.event.user_id and item.user_hash)
    event = replace(item.event, sender=sender, has_user_hash=has_user_hash)
    if event.user_id and not proves_user(key, user_id=event.user_id, user_hash=item.user_hash):
        event = _claim(event)
    elif event.kind == "alias" and key.requires_user_hash:
        # The hash proves the new user id, not the previous one: that may be a visitor's alone.
        event = replace(event, kind="identify", anonymous_id=event.previous_id, previous_id=None)
    return replace(item, event=event)


def _claim(event: Event) -> Event:
    """Return the event of the device, which a message without an id for it has for itself."""
    device = event.anonymous_id or event.previous_id or f"unproved-{sha256(event.message_id.encode()).hexdigest()[:32]}"
    return replace(
        event,
        kind="identify" if event.kind == "alias" else event.kind,
        user_id=None,
        anonymous_id=device,
        previous_id=None,
        claimed_user_id=event.user_id,
        has_user_hash=False,
    )
