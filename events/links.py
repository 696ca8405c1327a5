"""Links between ids that an event makes. Pure: recorder and profiler share it."""

from customers.identity import Link
from events.types.base import Event
from events.types.registry import event_type

SEEN_WITH = "seen with "
"""Begins what stands for the message id on the link that all events of one pair make."""


def links_of(event: Event) -> list[Link]:
    """Return the links of an event.

    An `identify` with both ids claims the anonymous id. Any other event with both does so once for each pair, from the
    first of these events on: all of them make the same link, whose earliest time counts. An `alias` joins two users;
    its previous id may also be an anonymous id (Segment's browser library sends that), so it claims that one too.
    Lists that the server served name whom a page asked for, which joins nobody.
    """
    if event.user_id is None:
        return []
    if event.kind == "identify" and event.anonymous_id:
        return [Link("claim", event.anonymous_id, event.user_id, event.at, event.message_id)]
    if event.kind == "alias" and event.previous_id and event.previous_id != event.user_id:
        return [
            Link("join", event.previous_id, event.user_id, event.at, event.message_id),
            Link("claim", event.previous_id, event.user_id, event.at, event.message_id),
        ]
    if event.anonymous_id and event.kind != "alias" and not event_type(event.name).server_only:
        return [Link("claim", event.anonymous_id, event.user_id, event.at, f"{SEEN_WITH}{event.user_id}")]
    return []
