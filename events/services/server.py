"""Events that the server itself writes, such as what was recommended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from common import clock
from consents.person import person_of
from consents.rules import ConsentRules
from consents.selectors import consent_rules, states_of_people
from consents.state import ConsentState
from consents.subjects import raw_ids
from consents.verdict import allowed_purposes, may_keep
from events.log import get_log
from events.log.base import Entry
from events.services.acceptance import uses_of
from events.types.base import Event


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event of ours. `at` in microseconds since the epoch; both ids None: it names nobody.

    `gpc` and `region` are the signal and the origin of the request that it is about: they decide, and are not kept.
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
    """Append events of ours; return when the log holds them.

    Where the shopper allows none of the event's purposes, it is kept without ids: it then says what the shop did,
    and to nobody. Raises Unavailable or redis errors.
    """
    ids = [raw_id for event in events for raw_id in raw_ids(event.user_id, event.anonymous_id)]
    states, rules = states_of_people(ids), consent_rules()
    get_log().append([_entry(event, states, rules) for event in events])


def _entry(written: ServerEvent, states: Mapping[str, ConsentState], rules: ConsentRules) -> Entry:
    event = Event(
        message_id=written.message_id,
        kind="track",
        name=written.name,
        at=written.at,
        received_at=clock.epoch_us(),
        user_id=written.user_id,
        anonymous_id=written.anonymous_id,
        properties=written.properties,
        source="server",
    )
    ids = raw_ids(event.user_id, event.anonymous_id)
    allowed, _ = allowed_purposes(person_of(ids, states), rules, region=written.region, gpc=written.gpc)
    if ids and may_keep(uses_of(event), allowed):
        return Entry("event", event.raw_id, replace(event, allowed=allowed).encode())
    event = replace(event, user_id=None, anonymous_id=None)
    return Entry("event", event.message_id, event.encode())
