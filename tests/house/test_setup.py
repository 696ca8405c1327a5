"""The set-up step goes on where it was broken off."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = """#!/bin/sh
# Makes environments as Debian's Python does, which lacks ensurepip until python3-venv is installed.
echo "$@" >> asked
case "$*" in
    "-m venv .venv") mkdir -p .venv/bin; cp "$0" .venv/bin/python; test -e installed || exit 1; cp "$0" .venv/bin/pip;;
    "-m pip"*) test -e .venv/bin/pip || exit 1; cp "$0" .venv/bin/uv;;
esac
"""


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """Return a folder with what the set-up reads, and a Python of its own."""
    for name in ("Makefile", "requirements-dev.txt", "requirements-bench.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return tmp_path


def set_up(folder: Path) -> bool:
    """Return whether `make setup` comes to its end."""
    return not subprocess.run(
        ["make", "setup", "PYTHON=./python"], cwd=folder, capture_output=True, check=False
    ).returncode


def test_an_environment_left_without_pip_is_made_again(fresh: Path) -> None:
    assert not set_up(fresh)
    (fresh / "installed").touch()  # as the message said

    assert set_up(fresh)


def test_what_is_set_up_is_not_set_up_again(fresh: Path) -> None:
    (fresh / "installed").touch()
    assert set_up(fresh)
    calls = (fresh / "asked").read_text()

    assert set_up(fresh)
    assert (fresh / "asked").read_text() == calls
