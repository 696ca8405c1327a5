"""How long a tick of an experiment's dashboard takes, with five breakdowns and quantiles, among 200 experiments.

    make bench-experiment-results ARGS="--experiments 200 --units 50000"

Before each tick the cells of the experiment change: those that one order touches (`one order`), or all of them (`all
cells`, so that nothing that was computed before can be used again). Beside it stand the bare read of the cells in the
same run, and the tick without breakdowns. Figures go to `bench/results/experiment_results.json`.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from bench._experiment_cells import DIMENSIONS, Sizes, fill
from bench._results import write_results
from bench._stage import stage

BUDGET_MS: Final = 20.0
ALL_CELLS: Final = """
SELECT epoch, arm, dimension, value, n, quarantined, sums::text, products::text, sketches::text
FROM experiments_cell WHERE experiment_id = %s
"""


def main() -> int:
    """Run it and print the figures; 1 if a tick is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=200)
    parser.add_argument("--units", type=int, default=50_000, help="of each experiment")
    parser.add_argument("--buyers", type=float, default=0.1, help="share of the units with an outcome")
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--ticks", type=int, default=100)
    options = parser.parse_args()
    with stage() as it:
        os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings"})
        import django

        django.setup()
        keys = fill(Sizes(options.experiments, options.units, options.buyers, options.days))
        figures = measured(keys[0], options.ticks)
    figures = {**vars(options), **figures}
    print(json.dumps(figures, indent=1))
    write_results("experiment_results", figures)
    return int(figures["tick_one_order"]["p95_ms"] > BUDGET_MS)


def measured(key: str, ticks: int) -> dict[str, Any]:
    """Return the times of each kind of tick."""
    from django.db import connection

    from experiments.models import Experiment
    from experiments.selectors.results import results_of

    pk = Experiment.objects.get(key=key).pk

    def read() -> None:
        with connection.cursor() as cursor:
            cursor.execute(ALL_CELLS, [pk])
            cursor.fetchall()

    def change(where: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE experiments_cell SET n = n + 1, sketches = (SELECT jsonb_object_agg(place,"
                " sketch || jsonb_build_object('zeros', (sketch->'zeros')::int + 1))"
                " FROM jsonb_each(sketches) AS each (place, sketch))"
                f" WHERE experiment_id = %s AND {where}",
                [pk],
            )

    groups = ", ".join(f"'{name} 1'" for name in DIMENSIONS)
    one_order = f"arm = 'warm' AND value IN ('', (current_date - 2)::text, {groups})"
    figures: dict[str, Any] = {"cells": len(rows_of(pk))}
    figures["read_of_cells"] = times(read, lambda: None, ticks)
    figures["tick_one_order"] = times(lambda: results_of(key), lambda: change(one_order), ticks)
    figures["tick_all_cells"] = times(lambda: results_of(key), lambda: change("true"), ticks)
    figures["tick_without_breakdowns"] = times(
        lambda: results_of(key, with_breakdowns=False), lambda: change(one_order), ticks
    )
    result = results_of(key).metrics[0]
    assert len(result.breakdowns) == len(DIMENSIONS)
    assert result.breakdowns[0].groups[0].arms[0].quantiles
    return figures


def rows_of(pk: int) -> Any:
    """Return the ids of the experiment's cells."""
    from experiments.models import Cell

    return Cell.objects.filter(experiment_id=pk).values_list("pk", flat=True)


def times(tick: Callable[[], object], change: Callable[[], object], count: int) -> dict[str, float]:
    """Return the times of so many ticks, each after a change, and this process's part; the first three do not count."""
    took, busy = [], []
    for number in range(count + 3):
        change()
        began, worked = time.perf_counter(), time.process_time()
        tick()
        if number >= 3:
            took.append(1000 * (time.perf_counter() - began))
            busy.append(1000 * (time.process_time() - worked))
    return {"p50_ms": quantile(took, 0.5), "p95_ms": quantile(took, 0.95), "cpu_p50_ms": quantile(busy, 0.5)}


def quantile(values: list[float], share: float) -> float:
    """Return a quantile, rounded."""
    return round(sorted(values)[int(share * (len(values) - 1))], 2)


if __name__ == "__main__":
    sys.exit(main())
