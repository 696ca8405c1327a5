"""A short run of `bench/latency.py`: answers over HTTP and fixed JSON of the same server."""

import json
import subprocess
import sys

import pytest

from config.env import ROOT


@pytest.mark.slow
def test_latency_benchmark_prints_both_paths() -> None:
    size = ("--products", "80", "--shoppers", "25", "--requests", "20", "--sources", "popular", "rp3beta", "user_knn")
    command = [sys.executable, "-m", "bench.latency", *size]

    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)

    assert process.returncode == 0, process.stderr
    report = json.loads(process.stdout[process.stdout.index("{") :])
    assert report.keys() == {"floor", "personal", "share"}
    assert 0 < report["floor"]["p50"] <= report["floor"]["p99"]
    assert 0 < report["personal"]["p50"] <= report["personal"]["p99"]
    assert report["share"] > 0
