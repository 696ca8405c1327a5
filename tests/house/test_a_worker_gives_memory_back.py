"""What a training took the machine has again: a process of the worker that grew large does not stay so."""

import subprocess
import sys
import time
from typing import Any

import pytest
from celery import current_app

from common import redis
from tests.house.hungry_tasks import BYTES, SEEN
from tests.house.tree import ROOT

WAIT_SECONDS = 60.0


@pytest.mark.slow
def test_a_process_that_grew_large_is_replaced_after_its_task(process_environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "celery", "--app", "config", "worker", "--concurrency", "1"]
    command += ["--include", "tests.house.hungry_tasks"]
    for bytes_taken in (1 << 20, BYTES, 1 << 20):
        current_app.send_task("tests.hungry", args=[bytes_taken])

    worker = subprocess.Popen(command, cwd=ROOT, env=process_environment, stdout=subprocess.DEVNULL)
    try:
        small, large, after = pids(3)
    finally:
        worker.terminate()
        worker.wait()

    assert small == large
    assert after != large
    assert redis.client().llen(SEEN) == 2 * 3  # nothing was done again, as if its process had been lost


def pids(count: int) -> list[str]:
    """Return which process did each task, once so many are done."""
    deadline, lines = time.monotonic() + WAIT_SECONDS, list[Any]()
    while len(lines) < 2 * count:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        lines = redis.client().lrange(SEEN, 0, -1)
    return [lines[2 * place].decode() for place in range(count)]
