"""What no file of the project may be or hold."""

import re
from pathlib import PurePath

from tests.house.tree import ROOT, text_of, tracked

DRAWERS = {"utils.py", "helpers.py", "misc.py"}
MOST_LINES = 400
# Spelled in pieces, so that this file does not hold them.
REGISTRY = re.compile(
    "|".join(["files.python" + r"hosted\.org", "pypi" + r"\.org/simple", "registry.npm" + r"js\.org"])
)
MACHINE_PATH = re.compile(r"(?<![\w.-])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "fa" + "rm"]) + r")/[a-z.]")


def test_no_drawer_files() -> None:
    drawers = [name for name in tracked() if PurePath(name).name in DRAWERS]

    assert drawers == []


def test_no_file_is_two_things() -> None:
    code = [name for name in tracked() if name.endswith(".py") and not name.startswith("tests/")]

    long = {name: lines for name in code if (lines := len(text_of(name).splitlines())) > MOST_LINES}

    assert long == {}


def test_no_registry_is_named() -> None:
    assert [name for name in tracked() if REGISTRY.search(text_of(name))] == []


def test_no_path_of_a_machine_is_named() -> None:
    assert [name for name in tracked() if MACHINE_PATH.search(text_of(name))] == []


def test_no_pickle() -> None:
    code = [name for name in tracked() if name.endswith(".py") and not name.startswith("tests/house/")]

    pickling = [
        name for name in code if re.search(r"^\s*(import|from) (pickle|dill|joblib|cloudpickle)\b", text_of(name), re.M)
    ]

    assert pickling == []


def test_migrations_are_named_by_hand() -> None:
    migrations = [name for name in tracked() if "/migrations/0" in name]

    assert [name for name in migrations if "_auto_" in name] == []
    assert all((ROOT / name).exists() for name in migrations)
