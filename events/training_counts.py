"""How much of what came in lately a training may use; without the libraries of training, for pages."""

from typing import Any, Final

from django.db import connection

from events.types.registry import EVENT_TYPES

PURPOSE: Final = "train_models"
RECENT_EVENTS: Final = 20_000
COUNTS: Final = """
SELECT count(*), count(DISTINCT coalesce(user_id, anonymous_id))
FROM (SELECT * FROM events_event ORDER BY id DESC LIMIT %s) AS recent
WHERE kind = 'track' AND lower(name) = ANY(%s) AND %s = ANY(allowed)
"""
NOT_ALLOWED: Final = """
SELECT count(*) FROM events_event WHERE kind = 'track' AND lower(name) = ANY(%s) AND NOT %s = ANY(allowed)
"""
ANY_ALLOWED: Final = """
SELECT EXISTS (SELECT FROM events_event WHERE kind = 'track' AND lower(name) = ANY(%s) AND %s = ANY(allowed))
"""


def names_of_products() -> list[str]:
    """Return the names of the events that name products, in small letters."""
    return [name.lower() for name, kind in EVENT_TYPES.items() if kind.reader]


def n_not_allowed() -> int:
    """Return how many events that name products were kept without the permission to learn from them."""
    return int(_value(NOT_ALLOWED))


def any_allowed() -> bool:
    """Return whether a single event that names products may be learned from."""
    return bool(_value(ANY_ALLOWED))


def recent_training_counts() -> dict[str, int]:
    """Return how many interactions and shoppers a training could use among the last `RECENT_EVENTS` events."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, [RECENT_EVENTS, names_of_products(), PURPOSE])
        n_events, n_shoppers = cursor.fetchone()
    return {"interactions": n_events, "shoppers": n_shoppers}


def _value(query: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, [names_of_products(), PURPOSE])
        return cursor.fetchone()[0]
