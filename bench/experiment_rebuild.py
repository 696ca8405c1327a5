"""How fast the numbers of experiments are counted again from the log, and how soon a new event is in them.

    make bench-experiment-rebuild ARGS="--exposures 10000000 --outcomes 1000000 --experiments 200"

The events lie in PostgreSQL as the recorder writes them. A shopper has ten exposures in four experiments. With
`--keep` the installation stays up for other measurements until Ctrl-C, and its addresses are printed.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench._experiment_rows import Sizes, fill, start_experiments
from bench._results import write_results
from bench._stage import Stage, stage_in

BATCH: Final = 5_000
BATCHES: Final = 5
SINGLES: Final = 20


def main() -> int:
    """Fill the tables, count, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exposures", type=int, default=1_000_000)
    parser.add_argument("--outcomes", type=int, default=100_000)
    parser.add_argument("--experiments", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="where the stage lies; default: a temporary folder")
    parser.add_argument("--keep", action="store_true", help="keep the installation up afterwards")
    options = parser.parse_args()
    sizes = Sizes(options.exposures, options.outcomes, options.experiments)
    with tempfile.TemporaryDirectory(prefix="vitrine-") as name, stage_in(options.folder or Path(name)) as it:
        figures = measured(it, sizes)
        print(json.dumps(figures, indent=1))
        write_results("experiment_rebuild", figures)
        if options.keep:
            wait(it)
    return 0


def prepare(it: Stage, sizes: Sizes) -> float:
    """Set up Django on the stage's stores, start the experiments, fill the log; return the seconds."""
    began = time.monotonic()
    os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings", "SERVING_REFRESH": "inline"})
    import django
    import psycopg2

    django.setup()
    start_experiments(sizes.experiments)
    with contextlib.closing(psycopg2.connect(it.environment["DATABASE_OWNER_URL"])) as connection:
        connection.autocommit = True
        fill(connection, sizes)
    return time.monotonic() - began


def measured(it: Stage, sizes: Sizes) -> dict[str, Any]:
    """Return the seconds of a first count, of a recount, and of counting new events."""
    filled_s = prepare(it, sizes)
    from experiments.models import Cell, Exposure
    from experiments.services.measuring import recount

    n_events = sizes.exposures + sizes.outcomes
    first_s, first_cpu_s = seconds_and_cpu(it, recount)
    again_s, again_cpu_s = seconds_and_cpu(it, recount)
    counted = {"exposure_rows": Exposure.objects.count(), "cells": Cell.objects.count()}
    return {
        **asdict(sizes),
        **counted,
        "filled_s": round(filled_s),
        "first_count_s": round(first_s, 1),
        "first_count_events_a_second": round(n_events / first_s),
        "first_count_cpu_s": round(first_cpu_s, 1),
        "recount_s": round(again_s, 1),
        "recount_cpu_s": round(again_cpu_s, 1),
        "recount_events_a_second": round(n_events / again_s),
        **new_events(it, sizes),
    }


def new_events(it: Stage, sizes: Sizes) -> dict[str, Any]:
    """Return how fast batches of recorded new events are counted, and how long one event takes with its recording."""
    from experiments.services.measuring import count_new

    batches, cpu = [], []
    for number in range(BATCHES):
        record(sizes, BATCH, number)
        batch_s, cpu_s = seconds_and_cpu(it, count_new)
        batches.append(batch_s)
        cpu.append(cpu_s)
    singles = [seconds(partial(record_and_count, sizes, BATCHES + number)) for number in range(SINGLES)]
    return {
        "batch": BATCH,
        "batch_ms_median": round(1000 * statistics.median(batches)),
        "batch_cpu_ms_median": round(1000 * statistics.median(cpu)),
        "new_events_a_second": round(BATCH / statistics.median(batches)),
        "one_event_ms_median": round(1000 * statistics.median(singles)),
        "one_event_ms_worst": round(1000 * max(singles)),
    }


def record_and_count(sizes: Sizes, number: int) -> None:
    """Record one event and count it."""
    from experiments.services.measuring import count_new

    record(sizes, 1, number)
    count_new()


def record(sizes: Sizes, n: int, number: int) -> None:
    """Record events of as many shoppers, an exposure and an order in turn."""
    from common import clock
    from events.log import Entry
    from events.services.recorder import Recorder, offsets
    from events.types.base import Event

    entries = []
    before = offsets([0])[0]
    for place in range(n):
        who = (number * 7919 + place * 104_729) % sizes.shoppers
        key = f"test-{who * 4 % sizes.experiments}"
        is_order = place % 2 == 1
        properties: dict[str, Any] = {"order_id": f"N{number}-{place}", "revenue": 20, "currency": "EUR"}
        if not is_order:
            named = [{"key": key, "variation": "control", "epoch": 1}]
            properties = {"recommendation_id": f"{number:08x}-0000-4000-8000-{place:012x}", "experiments": named}
        at = clock.epoch_us()
        event = Event(
            message_id=f"new-{number}-{place}",
            kind="track",
            name="Order Completed" if is_order else "Recommendation Served",
            at=at,
            received_at=at,
            user_id=f"shopper-{who:08d}",
            properties=properties,
            allowed=("analytics", "personalization", "experiments"),
            source="bench",
        )
        entries.append((before + 1 + place, Entry("event", event.raw_id, event.encode())))
    Recorder().record({0: entries}, after={0: before})


def seconds_and_cpu(it: Stage, work: Callable[[], object]) -> tuple[float, float]:
    """Return how long it takes, and how many seconds of processors PostgreSQL and this process used.

    On a machine that others use too, the second is what counts.
    """
    before = cpu_seconds(it)
    return seconds(work), cpu_seconds(it) - before


def cpu_seconds(it: Stage) -> float:
    """Return the seconds of processors that PostgreSQL's processes and this one used until now."""
    ticks = 0
    for pid in (os.getpid(), *it.programs["postgres"].pids()):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def seconds(work: Callable[[], object]) -> float:
    """Return how long it takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def wait(it: Stage) -> None:
    """Print where the stores are, and keep them up until Ctrl-C."""
    names = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")
    print("\n".join(f"{name}={it.environment[name]}" for name in names), flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
