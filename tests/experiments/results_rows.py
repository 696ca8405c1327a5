"""Cells of an experiment in the database, as measuring would write them."""

from typing import Any

import orjson

from experiments.analysis.readings import CellRow
from experiments.models import Cell, Experiment


def write_cells(row: Experiment, cells: tuple[CellRow, ...]) -> None:
    """Write cells in place of those that are there."""
    Cell.objects.filter(experiment=row).delete()
    Cell.objects.bulk_create(
        Cell(
            experiment=row,
            epoch=one.epoch,
            arm=one.arm,
            dimension=one.dimension,
            value=one.value,
            n=one.n,
            quarantined=one.quarantined,
            sums=[f"{number:.4f}" for number in one.sums],
            products=[f"{number:.8f}" for number in one.products],
            sketches=orjson.loads(one.sketches),
        )
        for one in cells
    )


def cell(arm: str, n: int, numbers: dict[Any, float], variables: tuple[Any, ...], *, epoch: int = 1) -> CellRow:
    """Return the cell of all units from Σ by variable and Σxy by pair of variables; what is not named is 0.

    Of a yes-or-no variable Σx² is Σx.
    """
    sums = [numbers.get(one, 0.0) for one in variables]
    products = []
    for first, one in enumerate(variables):
        for other in variables[first:]:
            default = numbers.get(one, 0.0) if one == other and one.aggregate == "any" else 0.0
            products.append(numbers.get((one, other), default))
    return CellRow(epoch, arm, "", "", n, 0, sums, products)
