"""The docs are complete: what exists is described, what is linked exists."""

import re
from pathlib import Path, PurePosixPath
from typing import get_args

import pytest

from personalization.serving.answers import FallbackReason
from tests.house.tree import ROOT, text_of, tracked

READS_SETTING = re.compile(
    r'env\.(?:text|checked|choice|flag|integer|number|amounts|listing|mapping|path|redis)\(\s*"([A-Z_]+)"'
)
GAUGE = re.compile(r'(?:Counter|Gauge|Histogram|GaugeMetricFamily)\(\s*"(vitrine_[a-z_]+)"')
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
PAGES = [name for name in tracked() if name.endswith(".md")]
MEASUREMENTS = [name for name in PAGES if name.startswith("docs/adr/") and name.endswith("-measurements.md")]
DECISIONS = [name for name in PAGES if name.startswith("docs/adr/") and name not in MEASUREMENTS]


def settings_read() -> set[str]:
    """Return the environment variables that the settings read."""
    files = [name for name in tracked() if name.startswith("config/settings/")]
    return {variable for name in files for variable in READS_SETTING.findall(text_of(name))}


def test_every_setting_is_described() -> None:
    described = set(re.findall(r"`([A-Z_]+)`", text_of("docs/operations.md")))

    assert settings_read() - described == set()


def test_every_gauge_is_described() -> None:
    files = [name for name in tracked() if name.endswith(".py") and not name.startswith("tests/")]
    there = {gauge for name in files for gauge in GAUGE.findall(text_of(name))}

    described = {
        gauge.removesuffix("_total") for gauge in re.findall(r"`(vitrine_[a-z_]+)", text_of("docs/operations.md"))
    }

    assert described == there


def test_an_alarm_asks_for_what_answers_are_counted_under() -> None:
    (asked,) = re.findall(r'vitrine_recommendations_total\{degraded=~"([a-z_|]+)"\}', text_of("docs/operations.md"))

    assert set(asked.split("|")) < set(get_args(FallbackReason))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    targets = [PurePosixPath(page).parent / target for target in LINK.findall(text_of(page))]

    assert [str(target) for target in targets if not (ROOT / Path(target)).exists()] == []


def test_every_page_can_be_found_from_the_first() -> None:
    pages = {name for name in PAGES if PurePosixPath(name).parent == PurePosixPath("docs")}

    assert pages - set(LINK.findall(text_of("README.md"))) == set()


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(Path(name).name[:4]) for name in DECISIONS]

    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_measurements_can_be_found_from_their_decision() -> None:
    linked = {(Path(name).name[:4], target) for name in DECISIONS for target in LINK.findall(text_of(name))}

    assert {(Path(name).name[:4], Path(name).name) for name in MEASUREMENTS} - linked == set()


def test_every_process_is_described() -> None:
    processes = [line.split(":")[0] for line in text_of("Procfile").splitlines()]

    assert [name for name in processes if f"| {name} |" not in text_of("docs/operations.md")] == []
