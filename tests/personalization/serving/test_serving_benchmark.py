"""A short run of `bench/serving.py`: answers over HTTP beside the floor of the same server."""

import json
import subprocess
import sys

import pytest

from config.env import ROOT


@pytest.mark.slow
@pytest.mark.load
def test_serving_benchmark_measures_every_kind_of_request() -> None:
    size = ("--products", "200", "--shoppers", "60", "--trained", "40", "--seconds", "1")
    command = [sys.executable, "-m", "bench.serving", *size]

    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)

    assert process.returncode == 0, process.stderr
    figures = json.loads(process.stdout[process.stdout.index("{\n") :])
    assert figures.keys() >= {"floor_per_s", "uncached_over_floor", "cached_over_floor", "uncached_cpu_ms", "p99_ms"}
    assert figures["uncached_per_s"] > 0
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]
