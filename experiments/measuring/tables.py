"""Temporary tables of the measuring queries, and whose an event is.

They live as long as the connection and are empty after each transaction, so a pass leaves nothing in the catalog.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from events.relations import EVENTS, SEGMENT_CHANGES

TABLES: Final = {
    "m_root": "user_id text, root text",
    "m_span": "anonymous_id text, unit text, since timestamptz, until timestamptz",
    "m_id": "kind text, id text",
    "m_unit": "unit text PRIMARY KEY",
    "m_event": "unit text, at timestamptz, message_id text, kind text, name text, properties jsonb, device text",
    "m_arm": "experiment_id bigint, key text, epoch int, stated text, arm text, since timestamptz, until timestamptz,"
    " ended_at timestamptz",
    "m_variable": "experiment_id bigint, slot int, base int, is_before boolean, span interval, ended_at timestamptz",
    "m_activation": "experiment_id bigint, base int, span interval, ended_at timestamptz",
    "m_layout": "experiment_id bigint, width int, pairs int[], zeros numeric[], answers int, sketched int[]",
    "m_exposed": "unit text, experiment_id bigint, epoch int, arm text, at timestamptz, message_id text, answer text,"
    " placement text",
    "m_first": "unit text, experiment_id bigint, epoch int, arm text, first_at timestamptz, switches int,"
    " placement text, answers int, is_capped boolean, counts_from timestamptz",
    "m_outcome": "unit text, base int, at timestamptz, amount numeric",
    "m_own_outcome": "unit text, experiment_id bigint, epoch int, base int, at timestamptz, amount numeric",
    "m_device": "unit text, experiment_id bigint, epoch int, device text",
    "m_seen": "unit text, first_seen timestamptz",
    "m_segment": "unit text, experiment_id bigint, epoch int, segments text[]",
    "m_value": "unit text, experiment_id bigint, epoch int, found numeric[]",
    "m_new": "experiment_id bigint, epoch int, unit text, arm text, first_at timestamptz, counts_from timestamptz,"
    " switches int, groups text[], vals numeric(18,4)[]",
    "m_signed": "sign int, experiment_id bigint, epoch int, unit text, arm text, first_at timestamptz,"
    " counts_from timestamptz, switches int, groups text[], vals numeric(18,4)[]",
    "m_combo": "experiment_id bigint, epoch int, arm text, groups text[], is_quarantined boolean, vals numeric(18,4)[],"
    " n bigint",
    "m_change": "experiment_id bigint, epoch int, arm text, dimension text, value text, n bigint, quarantined bigint,"
    " sums numeric[], products numeric[]",
}
CREATE: Final = tuple(
    f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ({columns}) ON COMMIT DELETE ROWS" for name, columns in TABLES.items()
)
EMPTY: Final = tuple(f"DELETE FROM {name}" for name in TABLES)
WHOSE: Final = """
coalesce('user:' || coalesce(joined.root, {0}.user_id), owner.unit, 'anonymous:' || {0}.anonymous_id)
"""
OWNER: Final = """
LEFT JOIN m_root AS joined ON joined.user_id = {0}.user_id
LEFT JOIN m_span AS owner ON {0}.user_id IS NULL AND owner.anonymous_id = {0}.anonymous_id
    AND {0}.{1} >= owner.since AND {0}.{1} < owner.until
"""
"""Joins that `WHOSE` needs: `{0}` is the row with the ids, `{1}` its time."""
COLUMNS: Final = """
{whose} AS unit, recorded.at, recorded.message_id, recorded.kind, recorded.name, recorded.properties,
recorded.context #>> '{{device,type}}' AS device
"""
ALL_EVENTS: Final = f"""(
    SELECT {COLUMNS.format(whose=WHOSE.format("recorded"))}
    FROM {EVENTS} AS recorded {OWNER.format("recorded", "at")}
    WHERE recorded.at >= %(since)s AND (recorded.user_id IS NOT NULL OR recorded.anonymous_id IS NOT NULL)
)"""
"""The events of everybody since `%(since)s`, with their units."""
BY_ID: Final = f"""
SELECT recorded.* FROM m_id AS known JOIN {EVENTS} AS recorded ON recorded.user_id = known.id
WHERE known.kind = 'user' AND {{condition}}
UNION ALL
SELECT recorded.* FROM m_id AS known JOIN {EVENTS} AS recorded ON recorded.anonymous_id = known.id
WHERE known.kind = 'anonymous' AND recorded.user_id IS NULL AND {{condition}}
"""
SOME_EVENTS: Final = f"""
INSERT INTO m_event
SELECT * FROM (
    SELECT {COLUMNS.format(whose=WHOSE.format("recorded"))}
    FROM ({BY_ID.format(condition="recorded.at >= %(since)s")}) AS recorded {OWNER.format("recorded", "at")}
) AS owned
WHERE unit IN (SELECT unit FROM m_unit)
"""
"""Fills `m_event` with the events of the units in `m_unit`, found by the ids in `m_id`."""
CHANGED_SEGMENTS: Final = f"""
SELECT {WHOSE.format("changed")} AS unit, changed.at, changed.message_id,
    'segment:' || left(changed.properties ->> 'segment', 100) AS segment, changed.name = 'Segment Entered' AS entered
FROM ({{source}}) AS changed {OWNER.format("changed", "at")}
WHERE changed.properties ->> 'segment' IS NOT NULL
"""
ALL_SEGMENTS: Final = CHANGED_SEGMENTS.format(
    source=f"SELECT * FROM {EVENTS} WHERE {SEGMENT_CHANGES} AND (user_id IS NOT NULL OR anonymous_id IS NOT NULL)"
)
SOME_SEGMENTS: Final = CHANGED_SEGMENTS.format(
    source=f"""
    SELECT recorded.* FROM (SELECT DISTINCT id FROM m_id) AS known JOIN {EVENTS} AS recorded
        ON coalesce(recorded.user_id, recorded.anonymous_id) = known.id WHERE recorded.{SEGMENT_CHANGES}
    """
)
ALL_SEEN: Final = f"""
INSERT INTO m_seen
SELECT {WHOSE.format("recorded")}, min(recorded.at)
FROM {EVENTS} AS recorded {OWNER.format("recorded", "at")}
WHERE recorded.user_id IS NOT NULL OR recorded.anonymous_id IS NOT NULL
GROUP BY 1
"""
SOME_SEEN: Final = f"""
INSERT INTO m_seen
SELECT unit, min(at) FROM (
    SELECT 'user:' || coalesce(joined.root, known.id) AS unit,
        (SELECT min(at) FROM {EVENTS} WHERE user_id = known.id) AS at
    FROM m_id AS known LEFT JOIN m_root AS joined ON joined.user_id = known.id WHERE known.kind = 'user'
    UNION ALL
    SELECT owner.unit, (
        SELECT min(at) FROM {EVENTS}
        WHERE anonymous_id = owner.anonymous_id AND user_id IS NULL AND at >= owner.since AND at < owner.until
    )
    FROM m_span AS owner
    UNION ALL
    SELECT 'anonymous:' || known.id, (SELECT min(at) FROM {EVENTS} WHERE anonymous_id = known.id AND user_id IS NULL)
    FROM m_id AS known WHERE known.kind = 'anonymous' AND known.id NOT IN (SELECT anonymous_id FROM m_span)
) AS first
WHERE at IS NOT NULL GROUP BY unit
"""
"""When a unit was seen at all for the first time, however long ago."""


def prepare(cursor: Any) -> None:
    """Create what is missing, and empty what an outer transaction left."""
    cursor.execute("SET LOCAL client_min_messages = warning; " + "; ".join((*CREATE, *EMPTY)))


def fill(cursor: Any, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows into a table by the names of its columns, with one statement."""
    if rows:
        query = f"INSERT INTO {name} SELECT * FROM jsonb_to_recordset(%s::jsonb) AS row ({TABLES[name]})"
        cursor.execute(query, [orjson.dumps(rows).decode()])
