"""The docs are complete: what exists is described, what is linked exists."""

import ast
import re
from functools import lru_cache
from importlib import import_module
from os.path import normpath
from pathlib import Path, PurePosixPath
from typing import get_args

import pytest

from embedded import procfile
from personalization.serving.answers import FallbackReason
from tests.house.tree import ROOT, text_of, tracked

READS_SETTING = re.compile(
    r'env\.(?:text|checked|choice|flag|integer|number|weights|listing|mapping|path|redis)\(\s*"([A-Z_]+)"'
)
GAUGE = re.compile(r'(?:Counter|Gauge|Histogram|GaugeMetricFamily)\(\s*"(vitrine_[a-z_]+)"')
ANCHOR = re.compile(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
NAMED_FILE = re.compile(r"`((?:[a-z_]+/)+(?:[\w-]+\.(?:py|html|js|mjs|sh))?)`")
NAME = re.compile(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?:\(\))?`")
FENCE = re.compile(r"```.*?```", re.DOTALL)
PLACEHOLDER = re.compile(r"^[A-Z]+_[a-z]|_\d+d$")
"""Of a family of names: `SOURCE_rank`, `popular_7d`."""
NAMES_OF_OTHERS = {
    "CHANGELOG.md", "cdn.rudderlabs.com", "environs", "pg_trgm", "pollingInterval",
    "pydantic", "request_buffers", "statement_timeout",
}  # fmt: skip
"""Libraries' and protocols' names, and what was weighed and not taken."""
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
CONSENT = re.compile(r"\{[^{}]*\b(?:analytics|personalization)\"?: ?[Tt]rue[^{}]*\}")
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
    (reasons,) = re.findall(r'vitrine_recommendations_total\{degraded=~"([a-z_|]+)"\}', text_of("docs/operations.md"))

    assert set(reasons.split("|")) < set(get_args(FallbackReason))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    targets = [PurePosixPath(page).parent / target for target in LINK.findall(text_of(page))]

    assert [str(target) for target in targets if not (ROOT / Path(target)).exists()] == []


def anchors_of(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_into_a_page_lead_to_a_heading(page: str) -> None:
    links = [(target or PurePosixPath(page).name, anchor) for target, anchor in ANCHOR.findall(text_of(page))]

    targets = [(normpath(PurePosixPath(page).parent / target), anchor) for target, anchor in links]
    assert [(target, anchor) for target, anchor in targets if anchor not in anchors_of(target)] == []


def test_every_page_can_be_found_from_the_first() -> None:
    pages = {name for name in PAGES if PurePosixPath(name).parent == PurePosixPath("docs")}

    assert pages - set(LINK.findall(text_of("README.md"))) == set()


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(Path(name).name[:4]) for name in DECISIONS]

    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_measurements_can_be_found_from_their_decision() -> None:
    linked = {(Path(name).name[:4], target) for name in DECISIONS for target in LINK.findall(text_of(name))}

    assert {(Path(name).name[:4], Path(name).name) for name in MEASUREMENTS} - linked == set()


def test_every_example_of_consent_lets_models_learn() -> None:
    shown = [name for name in tracked() if not name.startswith(("tests/", "bench/"))]
    examples = {name: CONSENT.findall(text_of(name)) for name in shown if name.endswith((".md", ".py", ".html", ".js"))}

    assert [(name, text) for name, texts in examples.items() for text in texts if "train_models" not in text] == []
    assert {"docs/storefront.md", "docs/recommend.md"} <= {name for name, texts in examples.items() if texts}


def test_every_process_is_described() -> None:
    processes = procfile.read(ROOT / "Procfile")

    assert [name for name in processes if f"| {name} |" not in text_of("docs/operations.md")] == []


def defined_in(path: str) -> set[str]:
    """Return the functions and classes that a file defines, at any depth."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name for node in ast.walk(ast.parse(text_of(path))) if isinstance(node, kinds)}


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page: str) -> None:
    rooms = {PurePosixPath(name).parts[0] for name in tracked() if "/" in name}
    named = [name for name in NAMED_FILE.findall(text_of(page)) if PurePosixPath(name).parts[0] in rooms]

    assert [name for name in named if not (ROOT / name).exists()] == []


@lru_cache(maxsize=1)
def words_of_code() -> set[str]:
    """Return all words of the code, its templates and settings, and the parts of the files' names."""
    files = [name for name in tracked() if not name.endswith(".md") and not name.startswith("requirements")]
    words = {word for name in files for word in re.findall(r"\w+", text_of(name))}
    return words | {part for name in tracked() for part in re.split(r"[/.]", name)}


@pytest.mark.parametrize("page", [name for name in PAGES if name != "CHANGELOG.md"])
def test_names_in_code_type_exist_in_the_code(page: str) -> None:
    names = set(NAME.findall(FENCE.sub("", text_of(page)))) - NAMES_OF_OTHERS

    ours = {name for name in names if not PLACEHOLDER.search(name)}
    assert sorted(name for name in ours if not set(name.split(".")) <= words_of_code()) == []


def test_the_tour_names_functions_where_they_are() -> None:
    steps = re.findall(r"^\| \d+ \| `([^`]+)` \| `([^`]+)` \|", text_of("docs/tour.md"), re.MULTILINE)

    assert len(steps) > 30
    assert [step for step in steps if step[1] not in defined_in(step[0])] == []


def test_each_part_of_the_tour_is_short() -> None:
    _, *parts = text_of("docs/tour.md").split("\n## ")

    assert [part.partition("\n")[0] for part in parts if part.count("\n") >= 60] == []
    assert len(parts) == 4


@pytest.mark.parametrize("page", PAGES)
def test_what_an_example_imports_exists(page: str) -> None:
    imports = re.findall(r"^ *from ((?:\w+)(?:\.\w+)*) import (.+)$", "".join(PYTHON.findall(text_of(page))), re.M)

    ours = [(module, name) for module, names in imports if (ROOT / module.split(".")[0]).is_dir()
            for name in names.split(", ")]  # fmt: skip
    assert [f"{module}.{name}" for module, name in ours if not hasattr(import_module(module), name)] == []
