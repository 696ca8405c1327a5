"""Cells as arrays: one row for each group of units, so that all rows are computed in one pass.

Axes are epochs, rows, arms, and then variables. Rows are all units, the groups of each dimension, days, sums of days
until each of them, and windows of the last days. Every row is a sum of cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.readings import DAY, TOTAL, CellRow
from experiments.metrics.base import CAPPED, MACHINES
from experiments.stats.moments import Floats

WINDOWS: Final = (1, 7, 28)
"""Days of the rolling windows."""
MOST_DAYS: Final = 90
MOST_GROUPS: Final = 20
"""Of one dimension, the largest."""


@dataclass(frozen=True, slots=True)
class Sums:
    """n float64[E, R, A], Σxᵢ float64[E, R, A, k], Σxᵢxⱼ float64[E, R, A, k(k + 1) / 2]."""

    n: Floats
    sums: Floats
    products: Floats

    def rows(self, which: slice | list[int]) -> "Sums":
        """Return some of the rows."""
        return Sums(self.n[:, which], self.sums[:, which], self.products[:, which])

    def pooled(self) -> "Sums":
        """Return all epochs as one."""
        return Sums(*(each.sum(axis=0, keepdims=True) for each in (self.n, self.sums, self.products)))


@dataclass(frozen=True, slots=True)
class Rows:
    """What the rows are: their names and places, in this order. The first row holds all units.

    `is_cut` says that there were earlier days than those shown; `group_count` counts the groups not shown as well.
    """

    groups: tuple[tuple[str, str], ...]
    days: tuple[date, ...]
    is_cut: bool = False
    group_count: int = 0

    @property
    def group_slice(self) -> slice:
        """The rows of groups."""
        return slice(1, 1 + len(self.groups))

    @property
    def day_slice(self) -> slice:
        """The rows of single days."""
        return slice(self.group_slice.stop, self.group_slice.stop + len(self.days))

    @property
    def cumulative_slice(self) -> slice:
        """The rows of all units until each day."""
        return slice(self.day_slice.stop, self.day_slice.stop + len(self.days))

    @property
    def window_slice(self) -> slice:
        """The rows of the windows."""
        return slice(self.cumulative_slice.stop, self.cumulative_slice.stop + (len(WINDOWS) if self.days else 0))


@dataclass(frozen=True, slots=True)
class Table:
    """All rows of an experiment. `quarantined` are the units of each epoch and arm, int64[E, A].

    `machines` are the units of each arm that declared to be machines, int64[A]; they are in no row. `capped` are those
    that saw more lists than count.

    `cells[e][r][a]` is the cell of a row of all units or of a group; None where nobody is in it.
    """

    epochs: tuple[int, ...]
    arms: tuple[str, ...]
    rows: Rows
    today: date
    sums: Sums
    quarantined: NDArray[np.int64]
    machines: NDArray[np.int64]
    capped: NDArray[np.int64]
    cells: tuple[tuple[tuple[CellRow | None, ...], ...], ...]


def table_of(cells: Sequence[CellRow], arms: Sequence[str], *, width: int, today: date) -> Table:
    """Return the table of cells with `width` variables. Cells of unknown arms are left out."""
    arm_cells = [cell for cell in cells if cell.arm in set(arms)]
    own_cells = [cell for cell in arm_cells if _group_of(cell) not in (MACHINES, CAPPED)]
    rows = _rows_of(own_cells)
    epochs = tuple(sorted({cell.epoch for cell in own_cells})) or (1,)
    places = {(TOTAL, ""): 0}
    places |= {group: 1 + place for place, group in enumerate(rows.groups)}
    places |= {(DAY, day.isoformat()): rows.day_slice.start + place for place, day in enumerate(rows.days)}
    shape = (len(epochs), rows.day_slice.stop, len(arms))
    quarantined = np.zeros((len(epochs), len(arms)), dtype=np.int64)
    grid: list[list[list[CellRow | None]]] = [[[None] * len(arms) for _ in range(shape[1])] for _ in epochs]
    epoch_places = {epoch: place for place, epoch in enumerate(epochs)}
    arm_places = {arm: place for place, arm in enumerate(arms)}
    machines, capped = (_counts(arm_cells, group, arm_places) for group in (MACHINES, CAPPED))
    placed: list[tuple[int, int, int]] = []
    recent_cells: list[CellRow] = []
    for cell in own_cells:
        row = places.get((cell.dimension, cell.value))
        if row is None:
            continue
        epoch, arm = epoch_places[cell.epoch], arm_places[cell.arm]
        placed.append((epoch, row, arm))
        recent_cells.append(cell)
        grid[epoch][row][arm] = cell
        if row == 0:
            quarantined[epoch, arm] = cell.quarantined
    filled = with_days(_sums_of(recent_cells, placed, shape, width), rows, today)
    frozen = tuple(tuple(tuple(row) for row in epoch) for epoch in grid)
    return Table(epochs, tuple(arms), rows, today, filled, quarantined, machines, capped, frozen)


def _group_of(cell: CellRow) -> str:
    return f"{cell.dimension}:{cell.value}"


def _counts(cells: Sequence[CellRow], group: str, arm_places: Mapping[str, int]) -> NDArray[np.int64]:
    """Return the units of a group in each arm, int64[A]."""
    counts = np.zeros(len(arm_places), dtype=np.int64)
    for cell in cells:
        if _group_of(cell) == group:
            counts[arm_places[cell.arm]] += cell.n + cell.quarantined
    return counts


def _sums_of(
    cells: Sequence[CellRow], places: Sequence[tuple[int, int, int]], shape: tuple[int, int, int], width: int
) -> Sums:
    """Return the sums of these cells at their places; 0 where no cell is, or where one is empty."""
    n, sums = np.zeros(shape), np.zeros((*shape, width))
    products = np.zeros((*shape, width * (width + 1) // 2))
    full = [number for number, cell in enumerate(cells) if len(cell.sums) == width]
    if full:
        where = tuple(np.array([places[number] for number in full]).T)
        n[where] = [cells[number].n for number in full]
        sums[where] = [cells[number].sums for number in full]
        products[where] = [cells[number].products for number in full]
    return Sums(n, sums, products)


def triangle_place(first: int, second: int, width: int) -> int:
    """Return where Σxᵢxⱼ stands among the products of `width` variables."""
    low, high = sorted((first, second))
    return low * width - low * (low - 1) // 2 + high - low


def _rows_of(cells: Sequence[CellRow]) -> Rows:
    sizes: dict[tuple[str, str], int] = {}
    for cell in cells:
        if cell.dimension not in (TOTAL, DAY):
            sizes[cell.dimension, cell.value] = sizes.get((cell.dimension, cell.value), 0) + cell.n
    groups: list[tuple[str, str]] = []
    for dimension in sorted({dimension for dimension, _ in sizes}):
        mine = [group for group in sizes if group[0] == dimension]
        groups += sorted(mine, key=lambda group: (-sizes[group], group[1]))[:MOST_GROUPS]
    days = sorted(map(date.fromisoformat, {cell.value for cell in cells if cell.dimension == DAY}))
    return Rows(tuple(groups), tuple(days[-MOST_DAYS:]), is_cut=len(days) > MOST_DAYS, group_count=len(sizes))


def with_days(single: Sums, rows: Rows, today: date) -> Sums:
    """Return the sums with the rows that add up days. Who came before the first day shown counts in each of them."""
    if not rows.days:
        return single
    first_days = [today - timedelta(days=length - 1) for length in WINDOWS]
    inside = np.array([[day >= first for day in rows.days] for first in first_days], dtype=np.float64)

    def extended(values: Floats) -> Floats:
        days = values[:, rows.day_slice]
        until = np.cumsum(days, axis=1)
        if rows.is_cut:
            until += values[:, :1] - days.sum(axis=1, keepdims=True)
        windows = np.einsum("wd,ed...->ew...", inside, days)
        return np.concatenate([values, until, windows], axis=1)

    return Sums(extended(single.n), extended(single.sums), extended(single.products))
