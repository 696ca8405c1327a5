"""What shoppers were shown, counted: no ids, no shoppers."""

from datetime import datetime
from typing import Final

from django.db import connection

QUERY: Final = """
SELECT product ->> 'product_id', count(*)
FROM events_event CROSS JOIN LATERAL jsonb_array_elements(properties -> 'products') AS product
WHERE kind = 'track' AND name = 'Recommendation Served' AND at >= %s AND at < %s
GROUP BY 1 ORDER BY 1
"""


def shown_products(*, since: datetime, before: datetime) -> dict[str, int]:
    """Return how often each product was on a list that the server answered in that time."""
    with connection.cursor() as cursor:
        cursor.execute(QUERY, [since, before])
        return dict(cursor.fetchall())
