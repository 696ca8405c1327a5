"""Data flows down the list of rooms: the linter knows every room, passes, and catches what is planted."""

import configparser
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.apps import apps

from tests.house.tree import ROOT

PLANTED = [
    ("catalog/planted.py", "from personalization import services", "A room may import only the rooms below it"),
    ("recsys/sources/planted.py", "import django.db", "imports no room and no framework"),
    ("recsys/data/planted.py", "from recsys import training", "Inside recsys data flows"),
    ("recsys/metrics/planted.py", "from common import clock", "imports no room and no framework"),
    ("recsys/training/planted.py", "from recsys import evaluation", "Inside recsys data flows"),
    ("events/planted.py", "from recsys.data import signals", "use recsys"),
    ("modelops/planted.py", "from personalization import serving", "A room may import only the rooms below it"),
    ("personalization/planted.py", "from modelops.services import runs", "only the live model"),
    ("portal/planted_too.py", "from modelops.models import ModelVersion", "Only the modelops room touches its tables"),
    ("personalization/rules/planted.py", "import django.db", "know no framework"),
    ("events/selectors.py", "from events import api", "Doors call services"),
    ("portal/planted.py", "from events import models", "Only the events room touches its tables"),
]


PRIVATE = ("models", "api", "admin", "tasks")


def contracts() -> configparser.ConfigParser:
    """Return what the linter is told."""
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter")
    return config


def listed_rooms() -> set[str]:
    """Return the rooms that the linter looks at."""
    return set(contracts()["importlinter"]["root_packages"].split())


def floors(room: str) -> set[str]:
    """Return which private floors the room has, as modules."""
    names = {f"{room}.{name}" for name in PRIVATE}
    return {name for name in names if (spec := find_spec(name)) is not None and spec.origin is not None}


def protected(room: str) -> set[str]:
    """Return which modules of the room only the room itself may import."""
    section = f"importlinter:contract:private_{room}"
    return set(contracts()[section]["protected_modules"].split()) if section in contracts() else set()


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run the linter in a tree."""
    linter = Path(sys.executable).parent / "lint-imports"
    return subprocess.run([linter, "--no-cache"], cwd=tree, capture_output=True, text=True, check=False)


def copied_to(folder: Path) -> Path:
    """Copy the rooms and their contracts."""
    for room in listed_rooms():
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", folder)
    return folder


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a tree with every planted line."""
    tree = copied_to(tmp_path_factory.mktemp("planted"))
    for path, line, _ in PLANTED:
        with (tree / path).open("a") as file:
            file.write(f"{line}\n")

    done = lint(tree)

    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout.partition("Broken contracts")[2]


def test_every_local_app_is_listed() -> None:
    local = {app.name for app in apps.get_app_configs() if Path(app.path).parent == ROOT}

    assert local <= listed_rooms()


def test_every_private_floor_is_protected() -> None:
    joining = {"config", "portal", "demo"}

    open_floors = {room: floors(room) - protected(room) for room in listed_rooms() - joining}

    assert {room: names for room, names in open_floors.items() if names} == {}


@pytest.mark.parametrize(("path", "line", "contract"), PLANTED)
def test_a_forbidden_import_is_caught(report: str, path: str, line: str, contract: str) -> None:
    headed = re.split(r"^(.+)\n-{10,}$", report, flags=re.MULTILINE)
    sections = dict(zip(headed[1::2], headed[2::2], strict=True))
    (section,) = [text for title, text in sections.items() if contract in title]
    module = path.removesuffix(".py").replace("/", ".")

    assert re.search(rf"- +{re.escape(module)} -> ", section), section


def test_the_tree_is_clean(tmp_path: Path) -> None:
    done = lint(copied_to(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr
