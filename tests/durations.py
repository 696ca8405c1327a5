"""A plugin of pytest, `-p tests.durations`: where the seconds of a run went, by folder and by file.

The seconds are those of `--durations`, of all workers together. A run takes about their sum over the number
of workers.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

FILES = 40
PHASES = ("setup", "call", "teardown")


@dataclass
class Sum:
    """What the tests of one folder or file took."""

    tests: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))

    @property
    def total(self) -> float:
        """Return the seconds of all phases."""
        return sum(self.seconds.values())


def sums(reports: Iterable[pytest.TestReport], key: Callable[[str], str]) -> dict[str, Sum]:
    """Return what the tests took by the key of their file, the largest sum first."""
    result = defaultdict[str, Sum](Sum)
    for report in reports:
        one = result[key(report.nodeid.partition("::")[0])]
        one.tests.add(report.nodeid)
        one.seconds[report.when] += report.duration
    return dict(sorted(result.items(), key=lambda item: -item[1].total))


def folder(file: str) -> str:
    """Return the folder below `tests` that a file is of."""
    return "/".join(file.split("/")[:2])


def table(title: str, rows: Iterable[tuple[str, Sum]]) -> list[str]:
    """Return a table for documents, a line a string."""
    lines = [f"| {title} | tests | setup (s) | call (s) | teardown (s) | sum (s) |", "|---|--:|--:|--:|--:|--:|"]
    for name, one in rows:
        seconds = (*(one.seconds[phase] for phase in PHASES), one.total)
        lines.append(f"| {name} | {len(one.tests)} | " + " | ".join(f"{number:.1f}" for number in seconds) + " |")
    return lines


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the sums by folder and the files with the largest."""
    reports = [
        report
        for outcome in terminalreporter.stats.values()
        for report in outcome
        if isinstance(report, pytest.TestReport)
    ]
    by_file = sums(reports, lambda file: file)
    everything = sums(reports, lambda file: "all")
    lines = [
        *table("folder", [*sums(reports, folder).items(), *everything.items()]),
        "",
        *table(f"of {len(by_file)} files, the first {FILES}", list(by_file.items())[:FILES]),
    ]
    terminalreporter.write_line("\n".join(lines))
