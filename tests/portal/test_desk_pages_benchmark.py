"""A short run of `bench/desk_pages.py`: every page of every desk answers, in a small shop."""

import json
import subprocess
import sys

import pytest

from config.env import ROOT


@pytest.mark.slow
def test_every_page_of_the_desks_answers() -> None:
    sizes = ("--products", "500", "--customers", "500", "--events", "1000", "--answers", "1000", "--times", "1")
    command = [sys.executable, "-m", "bench.desk_pages", *sizes]

    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)

    assert process.returncode == 0, process.stdout + process.stderr
    figures = json.loads(process.stdout[process.stdout.index("{\n") :])
    assert figures["pages"] > 120
    statuses = {name: page["status"] for name, page in figures["by_page"].items()}
    led = {"admin:login", "admin:modelops_modelversion_comparison_with_live"}
    assert {name for name, status in statuses.items() if status != 200} <= led
    assert figures["by_page"]["portal:customers"]["role"] == "merchandiser"
