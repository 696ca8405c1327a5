"""Served recommendations: counts without ids, and a sample of the lists with their shoppers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson
from django.db import connection

from common.clock import to_microseconds
from customers.selectors import people
from events.streaming import stream_rows

QUERY: Final = """
SELECT product ->> 'product_id', count(*)
FROM events_event CROSS JOIN LATERAL jsonb_array_elements(properties -> 'products') AS product
WHERE kind = 'track' AND name = 'Recommendation Served' AND at >= %s AND at < %s
GROUP BY 1 ORDER BY 1
"""
SHOPPERS: Final = """
SELECT count(DISTINCT coalesce(user_id, anonymous_id, message_id))
FROM events_event
WHERE kind = 'track' AND name = 'Recommendation Served' AND at >= %s AND at < %s
"""
# A hash of shopper and day orders the lists: the limit then keeps a random sample of shoppers, each with the whole day.
LISTS: Final = """
SELECT day, at, user_id, anonymous_id, jsonb_path_query_array(properties, '$.products[*].product_id')
FROM generate_series(0, %s - 1) AS day CROSS JOIN LATERAL (
    SELECT at, message_id, user_id, anonymous_id, properties,
        md5(concat(coalesce(user_id, anonymous_id, message_id), ' ', day)) AS lot
    FROM events_event
    WHERE kind = 'track' AND name = 'Recommendation Served'
        AND at >= %s + day * interval '1 day' AND at < %s + (day + 1) * interval '1 day'
    ORDER BY lot, at, message_id
    LIMIT %s
) AS list
ORDER BY day, lot, at, message_id
"""


@dataclass(frozen=True, slots=True)
class ServedList:
    """One served list: its day, time (seconds since 1970), shopper, and products in order.

    `person` is the key that `training_frame` uses, "" where the answer names nobody.
    """

    day: int
    at: float
    person: str
    product_ids: tuple[str, ...]


def served_counts(*, since: datetime, before: datetime) -> dict[str, int]:
    """Return how often each product was on a served list in that time."""
    with connection.cursor() as cursor:
        cursor.execute(QUERY, [since, before])
        return dict(cursor.fetchall())


def served_shoppers(*, since: datetime, before: datetime) -> int:
    """Return the number of shoppers served in that time; each answer without a name counts as one."""
    with connection.cursor() as cursor:
        cursor.execute(SHOPPERS, [since, before])
        return int(cursor.fetchone()[0])


def served_lists(*, since: datetime, days: int, limit: int) -> Iterator[ServedList]:
    """Yield at most `limit` lists of each day (24 hours, the first begins at `since`), day by day.

    Within a day shoppers come in the order of a hash, each with all lists, so the first ones are a random sample.
    """
    resolver = people()
    for day, at, user_id, anonymous_id, product_ids in stream_rows(LISTS, [days, since, since, limit]):
        moment = to_microseconds(at)
        has_id = user_id is not None or anonymous_id is not None
        person = resolver.person(user_id=user_id, anonymous_id=anonymous_id, at=moment) if has_id else ""
        yield ServedList(day, moment / 1e6, person, tuple(orjson.loads(product_ids)))
