"""Recorder events a second into PostgreSQL, beside COPY of the same rows into the same indexed, partitioned table.

Both run alternately on one connection of the same fresh installation; the reference rows are formatted beforehand.
"""

import argparse
import json
import os
import statistics
import sys
import time
from typing import Any

from bench._stage import stage

BATCH = 4000
SHARDS = 4
START = 1_790_000_000_000_000


def entries(run: str, count: int) -> list[Any]:
    """Return realistic events of a month, as the log holds them."""
    from events.log import Entry
    from events.types.base import Event

    return [
        Entry(
            "event",
            f"user:u{number % 5000}",
            Event(
                message_id=f"{run}-{number:08d}-4f0c-9f6e-3a5d7c2b1e00",
                kind="track",
                name="Product Viewed",
                at=START + number * 40_000,
                received_at=START + number * 40_000 + 1500,
                user_id=f"u{number % 5000}",
                anonymous_id=f"a-{number % 9000:06d}-77aa",
                properties={"product_id": f"P{number % 800}", "price": 19.9, "category": "Furniture", "position": 3},
                context={"page": {"path": f"/p/{number % 800}"}, "library": {"name": "analytics.js", "version": "2.1"}},
                allowed=("analytics", "personalization", "train_models"),
                source="key:1",
            ).encode(),
        )
        for number in range(count)
    ]


def record(run: str, count: int) -> float:
    """Return the seconds the recorder takes."""
    from events.services.recorder import Recorder, offsets

    all_entries = entries(run, count)
    recorder, after = Recorder(), offsets(range(SHARDS))
    base = max(after.values())
    began = time.perf_counter()
    for start in range(0, count, BATCH):
        batch: dict[int, list[Any]] = {shard: [] for shard in range(SHARDS)}
        for position, entry in enumerate(all_entries[start : start + BATCH], start=start):
            batch[position % SHARDS].append((base + position + 1, entry))
        after = recorder.record(batch, after=after)
    return time.perf_counter() - began


def copy(run: str, count: int) -> float:
    """Return the seconds that COPY of the same rows takes, ready-made, a transaction for each batch."""
    from io import StringIO

    from django.db import connection, transaction

    from events.services import copy_text
    from events.services.decoding import decode

    rows = decode((0, number, entry) for number, entry in enumerate(entries(run, count))).rows
    texts = ["".join(copy_text.lines(rows[start : start + BATCH])) for start in range(0, count, BATCH)]
    began = time.perf_counter()
    for text in texts:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.copy_expert(copy_text.COPY, StringIO(text), 1 << 20)
    return time.perf_counter() - began


def main(arguments: list[str] | None = None) -> int:
    """Run both alternately and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    with stage() as it:
        os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings"})
        import django

        django.setup()
        from events.consumer import relax_garbage_collection

        relax_garbage_collection()
        record("warm", BATCH)
        rates: dict[str, list[float]] = {"recorder": [], "copy": []}
        for number in range(options.rounds):
            rates["copy"].append(options.events / copy(f"c{number}", options.events))
            rates["recorder"].append(options.events / record(f"r{number}", options.events))
            print(f"round {number + 1}: {', '.join(f'{name} {of[-1]:,.0f}/s' for name, of in rates.items())}")
        recorder, reference = (statistics.median(rates[name]) for name in ("recorder", "copy"))
        print(
            json.dumps({"recorder": round(recorder), "copy": round(reference), "share": round(recorder / reference, 3)})
        )
        from django.db import connections

        connections.close_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
