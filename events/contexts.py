"""Device type and region of shoppers, read from the context of their latest events."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from django.db import connection

from events.training_counts import PURPOSE

PATHS: Final[Mapping[str, str]] = {"device": "{device,type}", "region": "{region}"}
"""Names that may be requested, with their path in a context."""
QUERY: Final = """
SELECT asked.id, latest.said FROM unnest(%(ids)s::text[]) AS asked (id)
CROSS JOIN LATERAL (
    SELECT context #>> %(path)s::text[] AS said FROM events_event
    WHERE {condition} AND at >= %(since)s AND %(purpose)s = ANY(allowed) AND context #>> %(path)s::text[] <> 'bot'
    ORDER BY at DESC, message_id DESC LIMIT 1
) AS latest
"""
WHOSE: Final = {"user": "user_id = asked.id", "anonymous": "anonymous_id = asked.id AND user_id IS NULL"}


def latest_context(subjects: Iterable[str], *, name: str, since: datetime) -> dict[str, str]:
    """Return the latest value of each subject (`user:ID`, `anonymous:ID`); subjects without one are left out.

    `name` is a key of `PATHS`. Only events since `since` that may train models count, and none of bots. Raises KeyError
    for another name.
    """
    parts = [subject.partition(":") for subject in subjects]
    values: dict[str, str] = {}
    for kind, condition in WHOSE.items():
        ids = [value for own, _, value in parts if own == kind]
        arguments: dict[str, Any] = {"ids": ids, "path": PATHS[name], "since": since, "purpose": PURPOSE}
        with connection.cursor() as cursor:
            cursor.execute(QUERY.format(condition=condition), arguments)
            values |= {f"{kind}:{one}": value for one, value in cursor.fetchall()}
    return values
