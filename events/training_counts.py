"""How much of what came in lately a training may use; without the libraries of training, for pages."""

from typing import Final

from django.db import connection

from events.types.registry import EVENT_TYPES

PURPOSE: Final = "train_models"
RECENT_EVENTS: Final = 20_000
COUNTS: Final = """
SELECT count(*), count(DISTINCT coalesce(user_id, anonymous_id))
FROM (SELECT * FROM events_event ORDER BY id DESC LIMIT %s) AS recent
WHERE kind = 'track' AND lower(name) = ANY(%s) AND %s = ANY(allowed)
"""


def recent_training_counts() -> dict[str, int]:
    """Return how many interactions and shoppers a training could use among the last `RECENT_EVENTS` events."""
    names = [name.lower() for name, kind in EVENT_TYPES.items() if kind.reader]
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, [RECENT_EVENTS, names, PURPOSE])
        n_events, n_shoppers = cursor.fetchone()
    return {"interactions": n_events, "shoppers": n_shoppers}
