"""No acknowledged event is lost or recorded twice, whatever fails: a short run of `bench/chaos.py`."""

import json
import subprocess
import sys

import pytest

from bench.chaos import LOAD_SECONDS, TARGETS, schedule
from config.env import ROOT


def test_a_schedule_is_its_seed_and_number() -> None:
    schedules = [schedule(7, number, kinds=list(TARGETS)) for number in range(100)]

    assert schedules == [schedule(7, number, kinds=list(TARGETS)) for number in range(100)]
    assert {(one.kind, one.target) for faults in schedules for one in faults} == {
        (kind, target) for kind, targets in TARGETS.items() for target in targets
    }
    assert all(1 <= len(faults) <= 3 for faults in schedules)
    assert all(0 < one.at < LOAD_SECONDS for faults in schedules for one in faults)


@pytest.mark.slow
def test_faults_lose_and_double_nothing() -> None:
    command = [sys.executable, "-m", "bench.chaos", "--schedules", "3", "--seed", "7"]

    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)

    assert process.returncode == 0, process.stdout + process.stderr
    figures = json.loads(process.stdout[process.stdout.index("{\n") :])
    assert (figures["schedules"], figures["lost"], figures["duplicates"]) == (3, 0, 0)
    assert figures["acknowledged"] > 0
    assert sum(figures["faults"].values()) >= 3
