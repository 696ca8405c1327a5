"""Events that the server itself writes, such as served recommendations."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from common import clock
from consents.selectors import states_of_people, terms
from consents.subjects import raw_ids
from events.intake.items import Item
from events.log import get_log
from events.log.base import Entry
from events.services.acceptance import Acceptance
from events.types.base import Event


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event of the server. `at` in microseconds since the epoch; without both ids it names nobody.

    `gpc` and `region` are the signal and the origin of its request. They decide about consent and are not kept.
    """

    message_id: str
    name: str
    at: int
    user_id: str | None = None
    anonymous_id: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    gpc: bool = False
    region: str | None = None


def append_server_events(events: Sequence[ServerEvent]) -> None:
    """Append server events; return when the log holds them.

    An event whose shopper allows none of its purposes is kept without ids. Raises Unavailable or redis errors.
    """
    ids = [raw_id for event in events for raw_id in raw_ids(event.user_id, event.anonymous_id)]
    states, purposes = states_of_people(ids), terms()
    acceptances = {
        (gpc, region): Acceptance(states, terms=purposes, gpc=gpc, region=region)
        for gpc, region in {(event.gpc, event.region) for event in events}
    }
    get_log().append([_entry(event, acceptances[event.gpc, event.region]) for event in events])


def _entry(server_event: ServerEvent, acceptance: Acceptance) -> Entry:
    event = Event(
        message_id=server_event.message_id,
        kind="track",
        name=server_event.name,
        at=server_event.at,
        received_at=clock.epoch_us(),
        user_id=server_event.user_id,
        anonymous_id=server_event.anonymous_id,
        properties=server_event.properties,
        source="server",
    )
    has_id = event.user_id or event.anonymous_id
    allowed = acceptance.purposes_for(Item(event)) if has_id else None
    if allowed is None:
        event = replace(event, user_id=None, anonymous_id=None)
        return Entry("event", event.message_id, event.encode())
    return Entry("event", event.raw_id, replace(event, allowed=allowed).encode())
