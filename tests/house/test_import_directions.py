"""Data flows down the list of rooms: the linter knows every room, passes, and catches what is planted."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps

from tests.house.tree import ROOT

PLANTED = [
    ("catalog/planted.py", "from personalization import services", "A room may import only the rooms below it"),
    ("personalization/recommenders/planted.py", "import django.db", "know no framework"),
    ("events/selectors/planted.py", "from events.api import urls", "Doors call services"),
    ("portal/planted.py", "from events import models", "Only the events room touches its tables"),
]


def listed_rooms() -> set[str]:
    """Return the rooms that the linter looks at."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    return set(contracts["importlinter"]["root_packages"].split())


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run the linter in a tree."""
    linter = Path(sys.executable).parent / "lint-imports"
    return subprocess.run([linter, "--no-cache"], cwd=tree, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the rooms and their contracts."""
    for room in listed_rooms():
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def test_every_local_app_is_listed() -> None:
    local = {app.name for app in apps.get_app_configs() if Path(app.path).parent == ROOT}

    assert local <= listed_rooms()


@pytest.mark.slow
@pytest.mark.parametrize(("path", "line", "contract"), PLANTED)
def test_a_forbidden_import_is_caught(copy: Path, path: str, line: str, contract: str) -> None:
    (copy / path).write_text(f"{line}\n")

    done = lint(copy)

    assert done.returncode == 1, done.stdout + done.stderr
    broken = [found for found in done.stdout.splitlines() if found.endswith("BROKEN")]
    assert any(contract in found for found in broken), done.stdout


@pytest.mark.slow
def test_the_tree_is_clean(copy: Path) -> None:
    done = lint(copy)

    assert done.returncode == 0, done.stdout + done.stderr
