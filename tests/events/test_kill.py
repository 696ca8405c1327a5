"""No acknowledged event is lost or counted twice, whoever is killed: a short run of `bench/kill.py`."""

import json
import subprocess
import sys

import pytest

from config.env import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("target", ["recorder", "valkey"])
def test_killing_loses_and_doubles_nothing(target: str) -> None:
    command = [sys.executable, "-m", "bench.kill", "--events", "3000", "--kills", "2", "--targets", target]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["kills"], found["acknowledged"], found["lost"], found["doubled"]) == (2, 3000, 0, 0)
