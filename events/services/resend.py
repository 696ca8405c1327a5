"""Sending set-aside items again, after what kept them out was mended."""

from collections.abc import Iterable
from typing import Final

import orjson
from django.db import transaction

from audit.services import record
from common import clock
from common.clock import to_microseconds
from common.errors import InvalidInput
from events.log import Entry, get_log
from events.models import SetAside
from events.services.collect import replay
from events.types.base import Event

FROM_RECORDER: Final = "recorder"


def resend(items: Iterable[SetAside], *, actor: str) -> tuple[int, int]:
    """Send items through the same door again; return how many were accepted and how many refused once more.

    An item goes as its sender sent it, with the privacy signal, the region and the batch's context it came with: what a
    browser had to prove, it has to prove again, and its proof was not kept.
    With its message id it is never counted twice, however often it is sent. Raises Unavailable or redis errors
    while the log is down; what was sent until then stays sent.
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


def _send(item: SetAside) -> str:
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
        return error.detail
    except (orjson.JSONDecodeError, TypeError, AttributeError) as error:  # no JSON, or no event
        return f"not an event: {error}"
    return ""
