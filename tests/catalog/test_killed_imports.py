"""The Procfile's worker for imports is killed in the middle of a file; the next one writes the rest, once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_django import Settings

from audit import selectors as audit
from catalog import imports
from catalog.models import ImportState, Product, ProductImport
from common import clock
from embedded import procfile
from tests.house.tree import ROOT

N_ROWS = 20_000
WAIT_SECONDS = 120.0


@contextmanager
def worker(environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Yield the worker as the Procfile starts it, in a process group of its own."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = procfile.read(ROOT / "Procfile")["quick"]
    with Path(environment["MEDIA_ROOT"], "worker.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**environment, "PATH": path}, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()


def wait(condition: Callable[[ProductImport], bool], process: "subprocess.Popen[bytes]") -> ProductImport:
    """Return the import when the condition holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition(row := ProductImport.objects.get()):
        assert time.monotonic() < deadline, (row.state, row.rows_done)
        assert process.poll() is None
        time.sleep(0.02)
    return row


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_killed_worker_loses_and_doubles_nothing(
    process_environment: dict[str, str], tmp_path: Path, settings: Settings
) -> None:
    settings.MEDIA_ROOT = tmp_path
    environment = {**process_environment, "MEDIA_ROOT": str(tmp_path)}
    text = "product_id,title,price\n" + "".join(f"P{number},Chair {number},1.00\n" for number in range(N_ROWS))
    kept = imports.keep_file([text.encode()], file_name="p.csv", format="csv", rows=N_ROWS, actor="staff:1")
    imports.queue_import(kept.pk, actor="staff:1")

    with worker(environment) as first:
        wait(lambda row: row.rows_done > 0, first)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    row = ProductImport.objects.get()
    assert (row.state, 0 < row.rows_done < N_ROWS) == (ImportState.RUNNING, True)
    assert Product.objects.count() == row.rows_done == row.created
    ProductImport.objects.update(heartbeat_at=clock.now() - 2 * imports.SILENCE)
    assert imports.resume_imports() == 1, "as the schedule does every minute"

    with worker(environment) as second:
        row = wait(lambda row: row.state == ImportState.DONE, second)

    assert (row.created, row.changed, row.unchanged, row.rejected, row.starts) == (N_ROWS, 0, 0, 0, 2)
    assert Product.objects.count() == N_ROWS
    assert len(audit.entries(action="product.imported")) == 1
