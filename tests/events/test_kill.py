"""No acknowledged event is lost or counted twice, whoever is killed: a short run of `bench/kill.py`."""

import json
import subprocess
import sys

import pytest

from config.env import ROOT

TARGETS = ("recorder", "valkey")


@pytest.mark.slow
def test_killing_loses_and_doubles_nothing() -> None:
    command = [sys.executable, "-m", "bench.kill", "--events", "3000", "--kills", "2", "--targets", *TARGETS]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)

    assert done.returncode == 0, done.stderr
    recorded = [json.loads(line) for line in done.stdout.splitlines()]
    figures = ("target", "kills", "acknowledged", "lost", "doubled")
    assert [tuple(one[name] for name in figures) for one in recorded] == [(name, 2, 3000, 0, 0) for name in TARGETS]
