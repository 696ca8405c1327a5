"""From changed rows of units to changed cells: what old rows added is taken out, what new ones add is put in."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from math import log
from typing import Any, Final

import orjson
from django.db import connection, transaction

from experiments.measuring.plan import Plan, pairs_of
from experiments.metrics.base import MACHINES
from experiments.stats.sketches import GAMMA, Sketch, merge_sketches, sketch_from_json, subtract_sketch

Key = tuple[int, int, str, str, str]
"""Experiment, epoch, arm, dimension, value."""
Buckets = dict[int, dict[tuple[int, int], int]]
"""How many values a cell gains, by place, and by sign and bucket; negative where it loses them."""
COMBOS: Final = """
INSERT INTO m_combo
SELECT experiment_id, epoch, arm, groups, switches > 0, CASE WHEN switches > 0 THEN ARRAY[]::numeric[] ELSE vals END,
    sum(sign)
FROM {rows} AS changed
WHERE switches > 0 OR counts_from IS NOT NULL
GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(sign) <> 0
"""
"""Units that are alike in everything: most are, so what follows reads few rows."""
FINE: Final = """
SELECT experiment_id, epoch, arm, groups,
    coalesce(sum(n) FILTER (WHERE NOT is_quarantined), 0) AS n,
    coalesce(sum(n) FILTER (WHERE is_quarantined), 0) AS quarantined, {amounts}
FROM (SELECT experiment_id, epoch, arm, groups, is_quarantined, n {values} FROM m_combo OFFSET 0) AS combo
GROUP BY experiment_id, epoch, arm, groups
"""
"""Most values are 0. They are null here, so that PostgreSQL multiplies and adds up the few others only."""
DIMENSIONS: Final = f"""
CROSS JOIN LATERAL (
    SELECT '' AS dimension, '' AS value WHERE '{MACHINES}' <> ALL(groups)
    UNION ALL SELECT split_part(one, ':', 1), substr(one, 1 + strpos(one, ':')) FROM unnest(groups) AS one
    WHERE '{MACHINES}' <> ALL(groups) OR one = '{MACHINES}'
) AS part
"""
"""Units that declare to be machines are in the cell of their device alone, so that they are counted and no more."""
SUMS: Final = f"""
INSERT INTO m_change
SELECT experiment_id, epoch, arm, dimension, value, units, quarantined, sums[1:layout.width],
    ARRAY(SELECT products[pair] FROM unnest(layout.pairs) WITH ORDINALITY AS products (pair, place) ORDER BY place)
FROM (
    SELECT experiment_id, epoch, arm, dimension, value, sum(n) AS units, sum(quarantined) AS quarantined,
        ARRAY[{{sums}}]::numeric[] AS sums, ARRAY[{{products}}]::numeric[] AS products
    FROM ({FINE}) AS fine {DIMENSIONS}
    GROUP BY experiment_id, epoch, arm, dimension, value
) AS rolled JOIN m_layout AS layout USING (experiment_id)
"""
ADDED: Final = """
ARRAY(
    SELECT coalesce(old, 0) + coalesce(new, 0)
    FROM unnest(cell.{0}, excluded.{0}) WITH ORDINALITY AS pair (old, new, place) ORDER BY place
)
"""
ADD: Final = f"""
INSERT INTO experiments_cell AS cell
    (experiment_id, epoch, arm, dimension, value, n, quarantined, sums, products, sketches)
SELECT *, '{{}}' FROM m_change ORDER BY experiment_id, epoch, arm, dimension, value
ON CONFLICT (experiment_id, epoch, arm, dimension, value) DO UPDATE SET
    n = cell.n + excluded.n, quarantined = cell.quarantined + excluded.quarantined,
    sums = {ADDED.format("sums")}, products = {ADDED.format("products")}
RETURNING n < 0 OR quarantined < 0
"""
KEY: Final = "experiment_id, epoch, arm, dimension, value"
DELETE_EMPTY: Final = f"""
DELETE FROM experiments_cell WHERE n = 0 AND quarantined = 0 AND ({KEY}) IN (SELECT {KEY} FROM m_change)
"""
SKETCHES: Final = f"""
SELECT {KEY}, sketches::text FROM experiments_cell JOIN (
    SELECT * FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::text[], %s::text[]) AS one_side ({KEY})
) AS one_side USING ({KEY})
"""
WRITE_SKETCHES: Final = f"""
UPDATE experiments_cell AS cell SET sketches = new.sketches
FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::text[], %s::text[], %s::jsonb[]) AS new ({KEY}, sketches)
WHERE (cell.experiment_id, cell.epoch, cell.arm, cell.dimension, cell.value)
    = (new.experiment_id, new.epoch, new.arm, new.dimension, new.value)
"""
BUCKETS: Final = f"""
SELECT experiment_id, epoch, arm, dimension, value, place, sign(amount)::int AS side,
    CASE WHEN amount = 0 THEN 0 ELSE ceil(ln(abs(amount)::float8) / {log(GAMMA)!r}::float8)::int END AS bucket, sum(n)
FROM (
    SELECT experiment_id, epoch, arm, groups, layout.place, coalesce(vals[layout.place + 1], 0) AS amount, sum(n) AS n
    FROM m_combo JOIN (
        SELECT experiment_id, unnest(sketched) AS place FROM m_layout
    ) AS layout USING (experiment_id)
    WHERE NOT is_quarantined GROUP BY 1, 2, 3, 4, 5, 6
) AS fine {DIMENSIONS}
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING sum(n) <> 0
"""


def add_changes(plan: Plan, *, rows: str) -> set[int]:
    """Add the rows of a relation like `m_signed` to the cells; return the experiments that have other numbers now.

    Cells without a unit are deleted. Raises ValueError, and changes nothing, where something is taken out that was
    never put in.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM m_combo; DELETE FROM m_change")
        cursor.execute(COMBOS.format(rows=rows))
        cursor.execute(_sums(plan.width))
        cursor.execute(ADD)
        if any(is_wrong for (is_wrong,) in cursor.fetchall()):
            raise ValueError("a cell would have fewer than no units")
        cursor.execute(BUCKETS)
        _add_buckets(cursor, _by_cell(cursor.fetchall()))
        cursor.execute(DELETE_EMPTY)
        cursor.execute("SELECT DISTINCT experiment_id FROM m_change")
        return {pk for (pk,) in cursor.fetchall()}


def _sums(width: int) -> str:
    """Return `SUMS` for experiments with at most so many variables."""
    pairs = pairs_of(width)
    fine = [f"sum(n * v{place}) AS x{place}" for place in range(1, width + 1)]
    fine += [f"sum(n * (v{one + 1} * v{other + 1})) AS p{number}" for number, (one, other) in enumerate(pairs, 1)]
    return SUMS.format(
        values="".join(f", nullif(vals[{place}], 0) AS v{place}" for place in range(1, width + 1)),
        sums=", ".join(f"coalesce(sum(x{place}), 0)" for place in range(1, width + 1)),
        products=", ".join(f"coalesce(sum(p{number}), 0)" for number in range(1, len(pairs) + 1)),
        amounts=", ".join(fine or ["0"]),
    )


def _by_cell(rows: Iterable[tuple[Any, ...]]) -> dict[Key, Buckets]:
    cells: dict[Key, Buckets] = defaultdict(lambda: defaultdict(dict))
    for *key, place, side, bucket, n in rows:
        experiment, epoch, arm, dimension, value = key
        cells[experiment, epoch, arm, dimension, value][place][side, bucket] = int(n)
    return cells


def _add_buckets(cursor: Any, cells: Mapping[Key, Buckets]) -> None:
    if not cells:
        return
    cursor.execute(SKETCHES, _columns(cells))
    new = {tuple(key): _added(orjson.loads(text), cells[tuple(key)]) for *key, text in cursor.fetchall()}
    cursor.execute(WRITE_SKETCHES, [*_columns(new), [orjson.dumps(one).decode() for one in new.values()]])


def _columns(keys: Collection[Key]) -> list[list[Any]]:
    return [list(column) for column in zip(*keys, strict=True)]


def _added(sketches: dict[str, Any], buckets: Buckets) -> dict[str, Any]:
    """Return the sketches of a cell by place, with the buckets added. Raises ValueError."""
    for place, counts in buckets.items():
        present = sketch_from_json(sketches.pop(str(place))) if str(place) in sketches else Sketch()
        gained, lost = (_sketch(counts, sign) for sign in (1, -1))
        now = subtract_sketch(merge_sketches([present, gained]), lost)
        if now.count:
            sketches[str(place)] = now.as_json()
    return sketches


def _sketch(buckets: Mapping[tuple[int, int], int], sign: int) -> Sketch:
    """Return the sketch of what was gained, or with -1 of what was lost."""
    counts = {place: sign * n for place, n in sorted(buckets.items()) if sign * n > 0}
    positive, negative = (
        tuple((bucket, n) for (side, bucket), n in counts.items() if side == one_side) for one_side in (1, -1)
    )
    return Sketch(positive, negative, counts.get((0, 0), 0))
