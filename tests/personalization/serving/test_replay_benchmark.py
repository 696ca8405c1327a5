"""A short run of `bench/replay.py`: a running shop's answers, through swaps and edits, computed again."""

import json
import subprocess
import sys

import pytest

from config.env import ROOT


@pytest.mark.slow
def test_replay_benchmark_finds_every_answer_identical() -> None:
    command = [sys.executable, "-m", "bench.replay", "--answers", "60", "--products", "200", "--shoppers", "80"]

    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)

    assert process.returncode == 0, process.stdout + process.stderr
    figures = json.loads(process.stdout[process.stdout.index("{\n") :])
    assert figures["identical"] == figures["answers"] == 60
    assert (figures["model_swaps"], figures["increments"], figures["rule_edits"]) == (2, 3, 10)
    assert figures["altered_are_reported"]
