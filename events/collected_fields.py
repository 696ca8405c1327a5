"""Which fields the latest events hold: names and numbers, never a value."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

SAMPLE: Final = 10_000
SPANS: Final = (timedelta(hours=1), timedelta(days=1), timedelta(days=7), timedelta(days=30))
"""Ever longer times before now, until one holds enough events."""
MOST_FIELDS: Final = 2_000
LONGEST_NAME: Final = 100
COUNT: Final = "SELECT count(*) FROM (SELECT 1 FROM events_event WHERE at >= %s AND at <= %s LIMIT %s) AS latest"
FIELDS: Final = """
WITH sample AS (
    SELECT coalesce(nullif(name, ''), kind) AS event, kind = 'track' AS is_track, properties, traits, context
    FROM events_event WHERE at >= %(since)s AND at <= %(now)s LIMIT %(most)s
), totals AS (SELECT event, is_track, count(*) AS n FROM sample GROUP BY event, is_track),
fields AS (
    SELECT event, is_track, 'properties' AS part, jsonb_object_keys(properties) AS field FROM sample
    WHERE jsonb_typeof(properties) = 'object'
    UNION ALL SELECT event, is_track, 'products', field FROM sample CROSS JOIN LATERAL (
        SELECT DISTINCT jsonb_object_keys(product) AS field FROM jsonb_array_elements(
            CASE jsonb_typeof(properties -> 'products') WHEN 'array' THEN properties -> 'products' ELSE '[]' END
        ) AS product WHERE jsonb_typeof(product) = 'object'
    ) AS of_products
    UNION ALL SELECT event, is_track, 'traits', jsonb_object_keys(traits) FROM sample
    WHERE jsonb_typeof(traits) = 'object'
    UNION ALL SELECT '', true, 'context', jsonb_object_keys(context) FROM sample
    WHERE jsonb_typeof(context) = 'object'
)
SELECT event, is_track, part, left(field, %(longest)s), count(*) AS n,
    coalesce((SELECT n FROM totals WHERE (totals.event, totals.is_track) = (fields.event, fields.is_track)),
        (SELECT sum(n)::bigint FROM totals))
FROM fields GROUP BY 1, 2, 3, 4 ORDER BY n DESC, 1, 3, 4 LIMIT %(fields)s
"""


@dataclass(frozen=True, slots=True)
class CollectedField:
    """One field of the sample: `n` of `total` events of that name hold it.

    `part` is properties, products (an entry of the product list), traits or context. `event` is the event's name, for
    a page or screen its kind or name, and "" for a field of the context, which all events share.
    """

    event: str
    is_track: bool
    part: str
    name: str
    n: int
    total: int


@dataclass(frozen=True, slots=True)
class FieldSample:
    """The fields of a sample of the events since a moment."""

    since: datetime
    n_events: int
    fields: list[CollectedField]


def collected_fields(*, now: datetime) -> FieldSample:
    """Return the fields of up to `SAMPLE` events of the latest time that holds so many; of 30 days at most."""
    n_events, since = 0, now
    with connection.cursor() as cursor:
        for span in SPANS:
            since = now - span
            cursor.execute(COUNT, [since, now, SAMPLE])
            n_events = int(cursor.fetchone()[0])
            if n_events >= SAMPLE:
                break
        most: dict[str, Any] = {
            "since": since,
            "now": now,
            "most": SAMPLE,
            "longest": LONGEST_NAME,
            "fields": MOST_FIELDS,
        }
        cursor.execute(FIELDS, most)
        rows = [CollectedField(*row) for row in cursor.fetchall()]
    return FieldSample(since, n_events, rows)
