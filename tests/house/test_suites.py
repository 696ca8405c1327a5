"""Two suites: together they run every test, and CI runs both."""

import re
from pathlib import Path

import pytest

from tests.durations import sums, table

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()


def test_each_test_is_in_one_of_the_two_suites() -> None:
    recipes = dict(re.findall(r"^(test(?:-slow)?): .*\n\t@.* -m pytest (.*)$", MAKEFILE, re.MULTILINE))

    same = "-n $(WORKERS) --dist worksteal $(ARGS)"
    assert recipes == {"test": f'-m "not slow" {same}', "test-slow": f"-m slow {same}"}


def test_ci_runs_everything_and_the_summary_of_make_test_comes_last() -> None:
    calls = re.findall(r"^make (\S+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)

    suites = [call for call in calls if call.startswith(("check", "test"))]
    assert suites == ["check", "test-deep", "test-spark", "test-slow", "test"]
    assert calls[-1] == "test"


def report(test: str, when: str, seconds: float) -> pytest.TestReport:
    return pytest.TestReport(test, ("", 0, ""), {}, "passed", None, when, duration=seconds)  # type: ignore[arg-type]


def test_durations_are_summed_by_phase_and_the_largest_sum_comes_first() -> None:
    reports = [
        report("tests/a/test_a.py::one", "setup", 0.5),
        report("tests/a/test_a.py::one", "call", 1.0),
        report("tests/a/test_a.py::two", "call", 0.25),
        report("tests/b/test_b.py::one", "teardown", 4.0),
    ]

    rows = table("file", sums(reports, lambda file: file).items())[2:]

    assert rows == [
        "| tests/b/test_b.py | 1 | 0.0 | 0.0 | 4.0 | 4.0 |",
        "| tests/a/test_a.py | 2 | 0.5 | 1.2 | 0.0 | 1.8 |",
    ]
