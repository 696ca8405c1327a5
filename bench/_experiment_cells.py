"""Cells of many running experiments, as 10 million exposures with a million outcomes make them."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations_with_replacement
from typing import Any, Final

import numpy as np
import orjson

DIMENSIONS: Final = {"device": 4, "visitor": 2, "segment": 20, "region": 12, "source": 8}
"""Five breakdowns and how many groups each has."""
DATA: Final[dict[str, Any]] = {
    "goal_metric": "revenue_per_visitor",
    "secondary_metrics": ["conversion_rate", "average_order_value", "add_to_cart_rate"],
    "guardrail_metrics": ["margin_per_visitor"],
    "planned_units": 40_000,
    "arms": [
        {"key": "control", "weight": 0.4},
        {"key": "warm", "weight": 0.3, "payload": {"color": "red"}},
        {"key": "cold", "weight": 0.3, "payload": {"color": "blue"}},
    ],
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many experiments run, the units of each, the share that buys, and the days so far."""

    experiments: int
    units: int
    buyers: float
    days: int


def fill(sizes: Sizes) -> list[str]:
    """Create the experiments and their cells; return their keys. All have the cells of the first one."""
    from django.db import connection

    from common import clock
    from experiments.models import Cell, Experiment
    from experiments.services.designs import create_experiment
    from experiments.services.lifecycle import start

    keys = [f"test-{number}" for number in range(sizes.experiments)]
    for key in keys:
        create_experiment(key, data=DATA, actor="system:bench")
        start(key, actor="system:bench")
    rows = Experiment.objects.filter(key__in=keys).order_by("pk")
    first = rows[0]
    rows.update(started_at=clock.now() - timedelta(days=sizes.days))
    rng = np.random.default_rng(1)
    Cell.objects.bulk_create([cell for arm in DATA["arms"] for cell in _cells(first, arm, sizes, rng)])
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO experiments_cell"
            " (experiment_id, epoch, arm, dimension, value, n, quarantined, sums, products, sketches)"
            " SELECT e.id, c.epoch, arm, dimension, value, n, quarantined, sums, products, sketches"
            " FROM experiments_cell AS c, experiments_experiment AS e WHERE e.id <> %s AND e.key = ANY(%s)",
            [first.pk, keys],
        )
        cursor.execute("ANALYZE experiments_cell")
    return keys


def _cells(row: Any, arm: dict[str, Any], sizes: Sizes, rng: np.random.Generator) -> list[Any]:
    """Return the cells of one arm: of all units, of each group, and of each day."""
    from experiments.selectors.metrics import variables_of

    n = int(sizes.units * arm["weight"])
    variables = variables_of(row)
    matrix = np.array([_values(variable, n, sizes.buyers, rng) for variable in variables]).T
    places = [place for place, one in enumerate(variables) if one.aggregate == "sum" and not one.is_before]
    today = row.started_at.date()
    days = [(today - timedelta(days=back)).isoformat() for back in range(sizes.days)]
    groups = {"": [""], "day": days} | {
        name: [f"{name} {number}" for number in range(count)] for name, count in DIMENSIONS.items()
    }
    return [
        _cell(row, arm["key"], dimension, values[group], matrix[labels == group], places)
        for dimension, values in groups.items()
        for labels in [rng.integers(0, len(values), n)]
        for group in range(len(values))
    ]


def _values(variable: Any, n: int, buyers: float, rng: np.random.Generator) -> Any:
    """Return plausible values of a variable for `n` units."""
    bought = rng.random(n) < buyers
    if variable.aggregate == "any":
        return bought.astype(np.float64)
    if variable.aggregate == "count":
        return bought * rng.integers(1, 4, n).astype(np.float64)
    return bought * np.round(rng.lognormal(3.5, 0.8, n), 2)


def _cell(row: Any, arm: str, dimension: str, value: str, matrix: Any, places: list[int]) -> Any:
    from experiments.models import Cell
    from experiments.stats.sketches import sketch_of

    pairs = combinations_with_replacement(range(matrix.shape[1]), 2)
    return Cell(
        experiment=row,
        epoch=1,
        arm=arm,
        dimension=dimension,
        value=value,
        n=len(matrix),
        sums=[round(one, 4) for one in matrix.sum(axis=0).tolist()],
        products=[round(float(matrix[:, one] @ matrix[:, other]), 8) for one, other in pairs],
        sketches=orjson.loads(orjson.dumps({str(place): sketch_of(matrix[:, place]).as_json() for place in places})),
    )
