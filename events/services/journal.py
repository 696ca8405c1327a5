"""A decision made at the consent door, written to the log, so that replay knows it."""

from consents.journal import Change
from events.intake.context import minimized
from events.log import get_log
from events.log.base import Entry
from events.types.base import Event
from events.types.consent_updated import CONSENT_UPDATED


def write_change(change: Change) -> None:
    """Append `Consent Updated`; return when the log holds it. Raises Unavailable."""
    kind, _, value = change.raw_id.partition(":")
    event = Event(
        message_id=change.message_id,
        kind="track",
        name=CONSENT_UPDATED.name,
        at=change.at,
        received_at=change.at,
        user_id=value if kind == "user" else None,
        anonymous_id=value if kind == "anonymous" else None,
        properties={"source": change.source} if change.source else {},
        context=minimized({}, region=change.region or None, policy_version=change.policy_version),
        consents=dict(change.decisions),
        source="consents",
    )
    get_log().append([Entry("event", event.raw_id, event.encode())])
