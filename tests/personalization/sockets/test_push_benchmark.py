"""A short run of `bench/push.py`: real processes, real sockets."""

import json
import subprocess
import sys

import pytest

from config.env import ROOT


@pytest.mark.slow
def test_every_event_is_pushed_to_its_socket_alone() -> None:
    command = [sys.executable, "-m", "bench.push", "--sockets", "20", "--events", "10", "--products", "200"]

    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)

    assert process.returncode == 0, process.stderr
    figures = json.loads(process.stdout[process.stdout.index("{") :])
    assert (figures["sockets"], figures["events"], figures["missing"], figures["answers"]) == (20, 10, 0, 10)
    assert figures["p50_ms"] <= figures["p99_ms"]
