"""From changed rows of units to changed cells: what old rows added is taken out, what new ones add is put in."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from math import log
from typing import Any, Final

from django.db import connection

from experiments.measuring.plan import Plan
from experiments.models import Cell
from experiments.stats.sketches import GAMMA, Sketch, merge_sketches, sketch_from_json, subtract_sketch

Key = tuple[int, int, str, str, str]
"""Experiment, epoch, arm, dimension, value."""
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
FROM m_combo GROUP BY experiment_id, epoch, arm, groups
"""
DIMENSIONS: Final = """
CROSS JOIN LATERAL (
    SELECT '' AS dimension, '' AS value
    UNION ALL SELECT split_part(one, ':', 1), substr(one, 1 + strpos(one, ':')) FROM unnest(groups) AS one
) AS part
"""
SUMS: Final = f"""
SELECT experiment_id, epoch, arm, dimension, value, sum(n), sum(quarantined), {{amounts}}
FROM ({FINE}) AS fine {DIMENSIONS}
GROUP BY experiment_id, epoch, arm, dimension, value
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
SIDES: Final = {1: "positive", -1: "negative"}


@dataclass(slots=True)
class Change:
    """What one cell gains, or loses where a number is negative. `buckets` are by place and by sign and bucket."""

    n: int
    quarantined: int
    sums: list[Decimal]
    products: list[Decimal]
    buckets: dict[int, dict[tuple[int, int], int]] = field(default_factory=lambda: defaultdict(dict))


def read_changes(plan: Plan, *, rows: str) -> dict[Key, Change]:
    """Return the change of each cell by the rows of a relation like `m_signed`. Writes `m_combo`."""
    width = plan.width
    pairs = [(one, other) for one in range(width) for other in range(one, width)]
    places, products = range(1, width + 1), range(1, len(pairs) + 1)
    fine = [f"sum(n * vals[{place}]) AS x{place}" for place in places]
    fine += [
        f"sum(n * (vals[{one + 1}] * vals[{other + 1}])) AS p{number}" for number, (one, other) in enumerate(pairs, 1)
    ]
    rolled = [f"coalesce(sum(x{place}), 0)" for place in places] + [f"coalesce(sum(p{one}), 0)" for one in products]
    query = SUMS.replace("{amounts}", ", ".join(rolled or ["0"]), 1).replace("{amounts}", ", ".join(fine or ["0"]), 1)
    widths = {one.pk: len(one.variables) for one in plan.experiments}
    changes: dict[Key, Change] = {}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM m_combo")
        cursor.execute(COMBOS.format(rows=rows))
        cursor.execute(query)
        for *key, n, quarantined, amounts in _split(cursor.fetchall()):
            wide = widths[key[0]]
            kept = [amounts[width + place] for place, pair in enumerate(pairs) if pair[1] < wide]
            changes[_key(key)] = Change(int(n), int(quarantined), amounts[:wide], kept)
        cursor.execute(BUCKETS)
        for *key, place, side, bucket, n in cursor.fetchall():
            changes[_key(key)].buckets[place][side, bucket] = int(n)
    return changes


def write_changes(changes: dict[Key, Change]) -> set[int]:
    """Add the changes to the cells; return the experiments that have other numbers now.

    Cells without a unit are deleted. Raises ValueError where something is taken out that was never put in.
    """
    if not changes:
        return set()
    stored = {_key_of(cell): cell for cell in _stored(changes)}
    new = {key: Cell(**dict(zip(KEY_FIELDS, key, strict=True))) for key in changes.keys() - stored.keys()}
    cells = stored | new
    for key, change in changes.items():
        _add(cells[key], change)
    empty = {key for key in changes if not cells[key].n and not cells[key].quarantined}
    Cell.objects.filter(pk__in=[cell.pk for key, cell in stored.items() if key in empty]).delete()
    Cell.objects.bulk_create([cell for key, cell in new.items() if key not in empty], batch_size=1000)
    Cell.objects.bulk_create(
        [cell for key, cell in stored.items() if key in changes and key not in empty],
        update_conflicts=True,
        unique_fields=KEY_FIELDS,
        update_fields=["n", "quarantined", "sums", "products", "sketches"],
        batch_size=1000,
    )
    return {key[0] for key in changes}


KEY_FIELDS: Final = ["experiment_id", "epoch", "arm", "dimension", "value"]


def _stored(changes: Collection[Key]) -> Iterable[Cell]:
    columns = [list(column) for column in zip(*changes, strict=True)]
    return Cell.objects.raw(
        "SELECT cell.* FROM experiments_cell AS cell"
        " JOIN unnest(%s::bigint[], %s::int[], %s::text[], %s::text[], %s::text[])"
        " AS key (experiment_id, epoch, arm, dimension, value) USING (experiment_id, epoch, arm, dimension, value)",
        columns,
    )


def _add(cell: Cell, change: Change) -> None:
    cell.n += change.n
    cell.quarantined += change.quarantined
    if cell.n < 0 or cell.quarantined < 0:
        raise ValueError(f"{cell} would have {cell.n} units")
    cell.sums = _added(cell.sums, change.sums)
    cell.products = _added(cell.products, change.products)
    sketches = dict(cell.sketches)
    for place, buckets in change.buckets.items():
        known = sketch_from_json(sketches[str(place)]) if str(place) in sketches else Sketch()
        gained, lost = (_sketch(buckets, sign) for sign in (1, -1))
        now = subtract_sketch(merge_sketches([known, gained]), lost)
        sketches.pop(str(place), None)
        if now.count:
            sketches[str(place)] = now.as_json()
    cell.sketches = sketches


def _added(numbers: list[Decimal], more: list[Decimal]) -> list[Decimal]:
    return [one + other for one, other in zip(numbers, more, strict=True)] if numbers else more


def _sketch(buckets: dict[tuple[int, int], int], sign: int) -> Sketch:
    """Return the sketch of what was gained, or with -1 of what was lost."""
    counts = {place: sign * n for place, n in sorted(buckets.items()) if sign * n > 0}
    positive, negative = (
        tuple((bucket, n) for (side, bucket), n in counts.items() if side == wanted) for wanted in SIDES
    )
    return Sketch(positive, negative, counts.get((0, 0), 0))


def _split(rows: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        yield (*row[:7], list(row[7:]))


def _key(columns: list[Any]) -> Key:
    experiment, epoch, arm, dimension, value = columns
    return experiment, epoch, arm, dimension, value


def _key_of(cell: Cell) -> Key:
    return cell.experiment_id, cell.epoch, cell.arm, cell.dimension, cell.value
