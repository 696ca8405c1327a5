"""Reads of events for replay and training, and of refunds."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

import orjson
from django.db.models import Q

from common.clock import to_microseconds
from events.frames import training_frame
from events.models import Order
from events.shoppers import shoppers_frame
from events.streaming import stream_rows
from events.training_counts import PURPOSE, n_not_allowed
from events.types.base import Event

__all__ = ["PURPOSE", "n_not_allowed", "recorded", "refunds_of", "shoppers_frame", "training_frame"]

COLUMNS: Final = tuple(name for name in Event.__struct_fields__ if name not in {"sealed_ids", "has_user_hash"})
"""The table's columns have the names of an event's fields; what only the recorder reads stays in the log."""
AS_TEXT: Final = ("properties", "traits", "context", "consents")
"""Columns that Django leaves as text in streamed reads of jsonb."""


def recorded(shard: int, *, after: int, before: int | None = None) -> Iterator[tuple[int, Event]]:
    """Yield the recorded events of a shard between two offsets (exclusive), in the log's order, with their offsets.

    Replay reads here what the log has already trimmed.
    """
    query = f"SELECT log_offset, {', '.join(COLUMNS)} FROM events_event WHERE shard = %s AND log_offset > %s"
    arguments: list[Any] = [shard, after]
    if before is not None:
        query, arguments = f"{query} AND log_offset < %s", [*arguments, before]
    for offset, *columns in stream_rows(f"{query} ORDER BY log_offset", arguments):
        yield offset, _event(columns)


def recorded_about(raw_ids: Iterable[str], *, until: int) -> list[Event]:
    """Return the recorded events that name one of the raw ids, up to an offset of the log, in the log's order."""
    ids = [raw_id.partition(":") for raw_id in raw_ids]
    users, visitors = ([value for kind, _, value in ids if kind == prefix] for prefix in ("user", "anonymous"))
    query = f"""
        SELECT {", ".join(COLUMNS)} FROM events_event
        WHERE (user_id = ANY(%s) OR anonymous_id = ANY(%s)) AND log_offset <= %s ORDER BY log_offset, shard
    """
    return [_event(columns) for columns in stream_rows(query, [users, visitors, until])]


def refunds_of(order_ids: Iterable[str]) -> dict[str, Decimal | None]:
    """Return the refunded amount of each order with a refund; None for orders that are cancelled or wholly refunded.

    Unconfirmed orders are left out: they count in no customer's value, and anybody's browser may name their ids.
    """
    orders = Order.objects.filter(order_id__in=list(order_ids), claimed_by="")
    reversed_orders = orders.filter(Q(status="cancelled") | Q(wholly_refunded=True) | Q(refunded__gt=0))
    rows = reversed_orders.values_list("order_id", "status", "wholly_refunded", "refunded", "revenue")
    return {
        order_id: None if status == "cancelled" or wholly or (revenue is not None and refunded >= revenue) else refunded
        for order_id, status, wholly, refunded, revenue in rows
    }


def _event(columns: Iterable[Any]) -> Event:
    """Return the event of one row of `COLUMNS`."""
    fields = dict(zip(COLUMNS, columns, strict=True))
    fields |= {name: to_microseconds(fields[name]) for name in ("at", "received_at")}
    fields |= {name: orjson.loads(fields[name]) for name in AS_TEXT}
    return Event(**{**fields, "allowed": tuple(fields["allowed"])})
