"""Writes a decision made through the consent API to the log, so that replay knows it."""

from collections.abc import Mapping
from typing import Any

from consents.services import Change
from events.intake.context import minimized
from events.log import get_log
from events.log.base import Entry
from events.stream.tail import tail
from events.types.base import Event
from events.types.consent_updated import CONSENT_UPDATED


def write_change(change: Change) -> None:
    """Append `Consent Updated`; return when the log holds it. Raises Unavailable."""
    event = consent_updated(
        change.raw_id,
        change.decisions,
        message_id=change.message_id,
        at=change.at,
        received_at=change.at,
        context=minimized({}, region=change.region or None, policy_version=change.policy_version),
        source="consents",
        properties={"source": change.source} if change.source else {},
    )
    entry = Entry("event", event.raw_id, event.encode())
    get_log().append([entry])
    tail.note_decisions([entry], source=event.source)


def consent_updated(
    raw_id: str,
    decisions: Mapping[str, bool],
    *,
    message_id: str,
    at: int,
    received_at: int,
    context: dict[str, Any],
    source: str,
    properties: Mapping[str, Any] | None = None,
) -> Event:
    """Return the event of one raw id's decisions; times in microseconds since the epoch."""
    kind, _, value = raw_id.partition(":")
    return Event(
        message_id=message_id,
        kind="track",
        name=CONSENT_UPDATED.name,
        at=at,
        received_at=received_at,
        user_id=value if kind == "user" else None,
        anonymous_id=value if kind == "anonymous" else None,
        properties=dict(properties or {}),
        context=context,
        consents=dict(decisions),
        source=source,
    )
