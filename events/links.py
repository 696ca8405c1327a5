"""Links between ids that an event makes. Pure: recorder and profiler share it."""

from customers.identity import Link
from events.types.base import Event


def links_of(event: Event) -> list[Link]:
    """Return the links of an event.

    An `identify` with both ids claims the anonymous id. An `alias` joins two users; its previous id may also be an
    anonymous id (Segment's browser library sends that), so it claims that one too.
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
    return []
