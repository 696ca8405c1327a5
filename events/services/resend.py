"""Sends rejected events again, after their cause was fixed."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
import orjson
from django.db import transaction

from audit.services import record
from common import clock
from common.clock import to_microseconds
from common.errors import InvalidInput
from events.intake.items import Envelope, Refused, read_item
from events.log import Entry, get_log
from events.models import SetAside
from events.services.collect import replay, sender_named
from events.types.base import Event

FROM_RECORDER: Final = "recorder"
AT_ONCE: Final = 500
"""Most items of one call of `resend_alike`: a person waits for it."""


def resend(items: Iterable[SetAside], *, actor: str) -> tuple[int, int]:
    """Send items through the collection API again; return the numbers accepted and rejected.

    An item goes again with the privacy signal, the region and the shared context of its request. A browser's proof of
    a user id was not kept, so such an item is a claim of its device. Its message id keeps it from being counted twice.
    Raises Unavailable or redis errors while the log is down; items sent until then stay sent.
    """
    accepted = rejected = 0
    for item in items:
        error = _send(item)
        item.replayed_at, item.replay_error = clock.now(), error
        with transaction.atomic():
            item.save(update_fields=["replayed_at", "replay_error"])
            action = "event.replay_refused" if error else "event.replayed"
            record(category="events", action=action, actor=actor, object=f"set_aside:{item.pk}")
        accepted, rejected = accepted + (not error), rejected + bool(error)
    return accepted, rejected


def resend_alike(*, reason: str, field: str, source: str, since: datetime, actor: str) -> tuple[int, int]:
    """Send rejected events of one reason, field and sender again that came since; return accepted and rejected ones.

    At most `AT_ONCE` go, the oldest first; those that were sent again before are left out. Raises as `resend`.
    """
    alike = SetAside.objects.filter(reason=reason, field=field, source=source, received_at__gte=since)
    return resend(alike.filter(replayed_at=None, warning=None).order_by("received_at")[:AT_ONCE], actor=actor)


def lasting_refusal(item: SetAside) -> str:
    """Return why this server refuses the item however often it is sent unchanged; "" where it might be accepted now."""
    try:
        if item.source == FROM_RECORDER:
            Event.decode(item.payload.encode())
            return ""
        sender_named(item.source)
        outcome = read_item(orjson.loads(item.payload), Envelope(received_at=to_microseconds(item.received_at)))
    except InvalidInput as error:
        return error.detail
    except (msgspec.DecodeError, orjson.JSONDecodeError, TypeError) as error:
        return f"not an event: {error}"
    return f"{outcome.field}: {outcome.reason}".removeprefix(": ") if isinstance(outcome, Refused) else ""


def _send(item: SetAside) -> str:
    if item.warning is not None:
        return "a warning: what it is about was not rejected"
    try:
        if item.source == FROM_RECORDER:
            event = Event.decode(item.payload.encode())
            get_log().append([Entry("event", event.raw_id, event.encode())])
        else:
            received_at = to_microseconds(item.received_at)
            replay(
                item.payload,
                source=item.source,
                received_at=received_at,
                request_context=item.request_context,
                message_id=f"set-aside-{item.shard}-{item.log_offset}",
            )
    except InvalidInput as error:
        return str(error.errors[0]) if error.errors else error.detail
    except (msgspec.DecodeError, orjson.JSONDecodeError, TypeError) as error:  # no JSON, or no event
        return f"not an event: {error}"
    return ""
