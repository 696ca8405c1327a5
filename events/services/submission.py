"""An event as it would be kept, with what the consent verdict on it needs: what waits for a decision. Pure."""

from typing import Final

import msgspec
from msgspec.structs import replace

from consents.rules import region_in
from consents.subjects import raw_ids
from consents.verdict import EventConsent
from events.field_list import uses
from events.intake.context import minimized, told_without_queries
from events.intake.items import Item
from events.types.base import Event


class Submission(msgspec.Struct, frozen=True):
    """An event with minimized properties and context, still without decisions, and its terms of consent."""

    event: Event
    consent: EventConsent

    @property
    def raw_ids(self) -> tuple[str, ...]:
        """All raw ids that the event names, also that which an alias joins."""
        return tuple(dict.fromkeys([*self.consent.raw_ids, *self.consent.previous_ids]))

    def encode(self) -> bytes:
        """Return both parts as JSON."""
        return _ENCODER.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "Submission":
        """Return the submission that `encode` wrote."""
        return _DECODER.decode(data)


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Submission)


def submission_of(item: Item, *, gpc: bool, region: str | None) -> Submission:
    """Return the submission of a request's item. `gpc` and `region` are the request's."""
    event, region = item.event, region_in(item.context) or region
    consent = EventConsent(
        message_id=event.message_id,
        at=event.at,
        raw_ids=raw_ids(event.user_id, event.anonymous_id),
        previous_ids=raw_ids(event.previous_id, event.previous_id),
        choices={key: choice for key, choice in item.categories.items() if isinstance(choice, bool)},
        gpc=gpc,
        region=region,
        uses=uses_of(event) if item.for_us else (),
    )
    context = minimized(item.context, region=region, policy_version=_policy(item))
    if event.kind == "identify":
        context.pop("traits", None)  # they are the event's own
    return Submission(
        replace(event, properties=told_without_queries(event.properties), context=context),
        consent,
    )


def uses_of(event: Event) -> tuple[str, ...]:
    """Return the purposes for which an event may be kept. An order is a contract: it is essential."""
    return uses(event.kind, event.name)


def _policy(item: Item) -> str:
    consent = item.context.get("consent")
    version = consent.get("policy_version") if isinstance(consent, dict) else None
    return str(version)[:40] if isinstance(version, (str, int)) else ""
