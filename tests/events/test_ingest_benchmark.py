"""A short run of `bench/ingest.py`: events over HTTP into the log, from there into PostgreSQL, and a spike."""

import json
import subprocess
import sys

import pytest

from config.env import ROOT


@pytest.mark.slow
@pytest.mark.load
def test_ingest_benchmark_records_all_that_was_accepted() -> None:
    command = [
        sys.executable,
        "-m",
        "bench.ingest",
        "--seconds",
        "3",
    ]  # beside another test, one second may answer nothing

    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=500)

    assert process.returncode == 0, process.stdout + process.stderr
    figures = json.loads(process.stdout[process.stdout.index("{\n") :])
    assert figures.keys() >= {"accepted_per_s", "single_over_floor", "recorded_per_s", "recorded_over_copy"}
    assert figures["accepted"] > 0
    assert figures["unrecorded"] <= 0
    assert all(figures[name] > 0 for name in ("accepted_per_s", "recorded_per_s", "copy_per_s", "floor_per_s"))
