"""The links between ids as a relation: SQL for rooms that count whole tables at once."""

from typing import Final

SPANS: Final = """
SELECT from_id AS anonymous_id, user_id,
    CASE WHEN lag(at) OVER claims IS NULL THEN '-infinity' ELSE at END AS since,
    coalesce(lead(at) OVER claims, 'infinity') AS until
FROM customers_link WHERE kind = 'claim' {condition}
WINDOW claims AS (PARTITION BY from_id ORDER BY at, message_id COLLATE "C", user_id COLLATE "C")
"""
"""When an anonymous id belonged to which user: half-open times, as `customers.identity` has them.

`condition` is "" or a further condition, as `AND from_id = ANY(%(ids)s)`.
"""
