"""The demo's supervisor: its folder may have almost any name, and no stranger is taken for it."""

import os
from pathlib import Path

import pytest

from embedded import supervisor
from embedded.supervisor import TOGETHER, Program


def sleeper(folder: Path) -> Program:
    """Return a program that marks the folder it runs in, and stays."""
    script = f"touch '{folder}/started'; exec sleep 600"
    return Program("sleeper", ["sh", "-c", script], folder)


def other(tmp_path: Path, number: str) -> Path:
    """Return another folder, whose supervisor had that number once."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "supervisor.pid").write_text(number)
    return folder


@pytest.mark.slow
def test_a_folder_with_percent_signs_holds_a_supervisor(tmp_path: Path) -> None:
    folder = tmp_path / "100%s of 5%;#"
    folder.mkdir()

    supervisor.configure(folder, [sleeper(folder)], together=["sleeper"])
    supervisor.launch(folder, {"PATH": "/usr/bin:/bin"})
    try:
        supervisor.control(folder, "start", f"{TOGETHER}:*")

        assert (folder / "started").exists()
        assert (folder / "sleeper.log").exists()
        assert not supervisor.running(other(tmp_path, str(supervisor.pid(folder))))
    finally:
        supervisor.shutdown(folder)
    assert not supervisor.running(folder)


@pytest.mark.parametrize("name", ["a ;b", "a #b", "a\nb"])
def test_a_folder_that_supervisor_cannot_write_down_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SystemExit, match="no space before ; or #: .*a"):
        supervisor.configure(tmp_path / name, [], together=[])


def test_a_process_of_somebody_else_is_no_supervisor_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signals: list[int] = []

    def refuse(number: int, signal: int) -> None:
        signals.append(signal)
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    folder = other(tmp_path, "1")

    supervisor.shutdown(folder)

    assert not supervisor.running(folder)
    assert set(signals) == {0}
