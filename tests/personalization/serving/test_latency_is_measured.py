"""Answers over HTTP are measured beside the same server's fixed JSON: a short run of `bench/latency.py`."""

import json
import subprocess
import sys

import pytest

from config.env import ROOT


@pytest.mark.slow
def test_a_short_run_prints_both_and_their_share() -> None:
    size = ("--products", "80", "--shoppers", "25", "--requests", "20", "--sources", "popular", "rp3beta", "user_knn")
    command = [sys.executable, "-m", "bench.latency", *size]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout[done.stdout.index("{") :])
    assert found.keys() == {"floor", "personal", "share"}
    assert 0 < found["floor"]["p50"] <= found["floor"]["p99"]
    assert 0 < found["personal"]["p50"] <= found["personal"]["p99"]
    assert found["share"] > 0
