"""Events that the server itself writes, such as served recommendations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from common import clock
from consents.person import person_of
from consents.rules import ConsentRules
from consents.selectors import consent_rules, states_of_people
from consents.state import ConsentState
from consents.subjects import raw_ids
from consents.verdict import allowed_purposes, may_keep
from customers.shop_ids import note_sealed
from events.log import get_log
from events.log.base import Entry
from events.services.submission import uses_of
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
    sealed_ids: dict[str, str] = field(default_factory=dict)


def append_server_events(events: Sequence[ServerEvent]) -> None:
    """Append server events; return when the log holds them.

    An event whose shopper allows none of its purposes is kept without ids. Raises Unavailable or redis errors.
    """
    ids = [raw_id for event in events for raw_id in raw_ids(event.user_id, event.anonymous_id)]
    states, rules = states_of_people(ids), consent_rules()
    get_log().append([_entry(event, states, rules) for event in events])
    note_sealed(name for event in events for name in event.sealed_ids)


def _entry(server_event: ServerEvent, states: Mapping[str, ConsentState], rules: ConsentRules) -> Entry:
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
        sealed_ids=server_event.sealed_ids,
    )
    ids = raw_ids(event.user_id, event.anonymous_id)
    allowed, _ = allowed_purposes(person_of(ids, states), rules, region=server_event.region, gpc=server_event.gpc)
    is_erased = any(states[raw_id].suppresses(event.at) for raw_id in ids[:1])
    if ids and not is_erased and may_keep(uses_of(event), allowed):
        return Entry("event", event.raw_id, replace(event, allowed=allowed).encode())
    event = replace(event, user_id=None, anonymous_id=None, sealed_ids={})
    return Entry("event", event.message_id, event.encode())
