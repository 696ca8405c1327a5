"""Cells as the analysis reads them. A process reads again only those that were written since it read them last."""

from threading import Lock
from typing import Any, Final

import numpy as np
from django.db import connection

from experiments.analysis.readings import CellRow
from experiments.metrics.base import CAPPED, MACHINES

MOST_EXPERIMENTS: Final = 32
"""Whose cells a process keeps, about a megabyte each."""
VERSIONS: Final = f"""
SELECT id, concat_ws(' ', xmin, ctid) FROM experiments_cell
WHERE experiment_id = %s AND (dimension IN ('', 'day') OR dimension || ':' || value IN ('{MACHINES}', '{CAPPED}') OR %s)
"""
CELLS: Final = """
SELECT id, concat_ws(' ', xmin, ctid), epoch, arm, dimension, value, n, quarantined, sums::text, products::text,
    sketches::text
FROM experiments_cell WHERE id = ANY(%s)
"""
Version = tuple[str, CellRow]


class CellReader:
    """Reads the cells of experiments, and remembers those of the last ones."""

    def __init__(self, most: int = MOST_EXPERIMENTS) -> None:
        self._cells: dict[int, dict[int, Version]] = {}
        self._most, self._lock = most, Lock()

    def __call__(self, experiment: int, *, with_groups: bool) -> tuple[CellRow, ...]:
        """Return the cells of an experiment by its id: of all units, days, machines; of groups if asked for."""
        last = self._cells.get(experiment, {})
        with connection.cursor() as cursor:
            cursor.execute(VERSIONS, [experiment, with_groups])
            versions: dict[int, str] = dict(cursor.fetchall())
            current = {key: one for key, one in last.items() if versions.get(key) == one[0]}
            if missing := [key for key in versions if key not in current]:
                cursor.execute(CELLS, [missing])
                current |= {row[0]: (row[1], _cell(*row[2:])) for row in cursor.fetchall()}
        self._keep(experiment, current)
        return tuple(one for _, one in current.values())

    def _keep(self, experiment: int, cells: dict[int, Version]) -> None:
        """Put this experiment last; the first one goes when there are too many."""
        with self._lock:
            self._cells.pop(experiment, None)
            self._cells[experiment] = cells
            for key in list(self._cells)[: max(len(self._cells) - self._most, 0)]:
                del self._cells[key]


read_cells: Final = CellReader()


def _cell(*row: Any) -> CellRow:
    epoch, arm, dimension, value, n, quarantined, sums, products, sketches = row
    numbers = _numbers(sums), _numbers(products)
    return CellRow(epoch, arm, dimension, value, n, quarantined, *numbers, sketches)


def _numbers(text: str) -> Any:
    """Return the numbers of a text such as {1.5,2}, float64[k]: much faster than a cast in PostgreSQL."""
    return np.fromstring(text[1:-1], sep=",") if len(text) > len("{}") else np.empty(0)
