"""What sketches say: quantiles of units, and sums of values that were cut off at a limit."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any, Final

import numpy as np
import orjson

from experiments.analysis.readings import CellRow
from experiments.analysis.tables import Sums, Table, with_days
from experiments.stats.sketches import Sketch, merge_sketches, quantiles, sketch_from_json, winsor_limit, winsorized_arm

SHARES: Final = (0.5, 0.75, 0.9, 0.95, 0.99)


def quantiles_of(table: Table, place: int, count: int) -> list[list[Mapping[float, float]]]:
    """Return the quantiles by share of the variable at a place, of the first `count` rows and each arm."""
    epochs = [epoch[:count] for epoch in table.cells]
    return [[_quantiles(cells, place) for cells in zip(*row, strict=True)] for row in zip(*epochs, strict=True)]


def _quantiles(cells: Sequence[CellRow | None], place: int) -> Mapping[float, float]:
    return _of_texts(tuple(cell.sketches for cell in cells if cell is not None), place)


@lru_cache(maxsize=20_000)
def _of_texts(texts: tuple[str, ...], place: int) -> Mapping[float, float]:
    """Return the quantiles by share; the same sketches are read once, however often a page is drawn."""
    sketches = [one for text in texts if (one := _sketch(text, place)) is not None]
    if not sketches:
        return {}
    merged = sketches[0] if len(sketches) == 1 else merge_sketches(sketches)
    pairs = zip(SHARES, quantiles(merged, SHARES), strict=True)
    return {share: value for share, value in pairs if isfinite(value)}


def _sketch(text: str, place: int) -> Sketch | None:
    document: Mapping[str, Any] = orjson.loads(text)
    mine = document.get(str(place))
    return None if mine is None else sketch_from_json(mine)


def winsorized(table: Table, place: int, share: float) -> Sums:
    """Return the sums of one variable cut off above the quantile `share` of all units of all arms, for every row.

    They come from sketches alone, so each value is within 1 %. Rows that add up days are sums here as well.
    """
    totals = [sketch for epoch in table.cells for sketch in _sketches(epoch[0], place)]
    n = table.sums.n[:, : table.rows.day_slice.stop]
    sums, squares = np.zeros(n.shape), np.zeros(n.shape)
    if totals:
        limit = winsor_limit(totals, share)
        for e, epoch in enumerate(table.cells):
            for r, row in enumerate(epoch):
                for a, cell in enumerate(row):
                    sums[e, r, a], squares[e, r, a] = _cut(cell, place, limit)
    return with_days(Sums(n, sums[..., None], squares[..., None]), table.rows, table.today)


def _sketches(row: Sequence[CellRow | None], place: int) -> list[Sketch]:
    return [one for cell in row if cell is not None and (one := _sketch(cell.sketches, place)) is not None]


def _cut(cell: CellRow | None, place: int, limit: float) -> tuple[float, float]:
    """Return Σx and Σx² of the values of a cell cut off at the limit."""
    sketch = None if cell is None else _sketch(cell.sketches, place)
    if sketch is None or not sketch.count:
        return 0.0, 0.0
    arm = winsorized_arm(sketch, limit)
    (mean,), ((variance,),) = arm.means, arm.covariance
    return mean * arm.n, variance * max(arm.n - 1, 0) + arm.n * mean**2
