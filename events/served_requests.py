"""A sample of the requests that were answered, as far as the log says what was asked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from django.db import connection

SLOTS: Final = 48
PER_SLOT: Final = 200
"""How many requests of each forty-eighth of the time are looked at: a busy day is not read whole."""
REQUESTS: Final = """
SELECT user_id, anonymous_id, properties ->> 'placement', properties -> 'context',
    jsonb_array_length(properties -> 'products')
FROM generate_series(0, %(slots)s - 1) AS slot CROSS JOIN LATERAL (
    SELECT user_id, anonymous_id, properties, message_id
    FROM events_event
    WHERE kind = 'track' AND name = 'Recommendation Served'
        AND at >= %(since)s + slot * %(step)s AND at < %(since)s + (slot + 1) * %(step)s
        AND coalesce((properties #>> '{products,0,position}')::int, 1) = 1
        AND (cardinality(%(placements)s::text[]) = 0 OR properties ->> 'placement' = ANY(%(placements)s))
    LIMIT %(per_slot)s
) AS request
ORDER BY md5(message_id) LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class ServedRequest:
    """One answered request: the shopper, if the log may name one, the products it was about, and how many it got."""

    placement: str
    user_id: str | None
    anonymous_id: str | None
    product_ids: tuple[str, ...]
    size: int


def served_requests(
    *, since: datetime, before: datetime, placements: tuple[str, ...] = (), limit: int
) -> list[ServedRequest]:
    """Return up to `limit` requests of that time, of some placements or all. Later pages of a list are left out."""
    values: dict[str, Any] = {
        "since": since,
        "step": (before - since) / SLOTS,
        "slots": SLOTS,
        "per_slot": PER_SLOT,
        "placements": list(placements),
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(REQUESTS, values)
        rows = cursor.fetchall()
    return [
        ServedRequest(placement or "", user_id, anonymous_id, tuple(_list(context)), size or 0)
        for user_id, anonymous_id, placement, context, size in rows
    ]


def _list(context: str | list[str] | None) -> list[str]:
    value = orjson.loads(context) if isinstance(context, str) else context
    return [one for one in value or [] if isinstance(one, str)]
