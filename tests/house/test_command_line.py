"""What is wrong with settings and stores is told at the command line in a sentence that says what to do."""

import os
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from config import command_line
from profiles.management.commands import replay_profiles
from tests.house.tree import ROOT

NOBODY = "127.0.0.1:1"


def manage(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run manage.py with these variables changed."""
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def database(name: str) -> str:
    """Return the address of a database on the tests' server."""
    return os.environ["DATABASE_OWNER_URL"].rpartition("/")[0] + f"/{name}"


@pytest.mark.parametrize(
    ("command", "variable", "message"),
    [
        ("sync_roles", f"DATABASE_URL=postgresql://ada:secret@{NOBODY}/shop", "PostgreSQL: connection to server at"),
        ("sync_roles", "DATABASE_URL=mysql://ada:secret@localhost/shop", "DATABASE_URL: "),
        ("sync_roles", "DATABASE_URL=postgresql://ada:secret[@localhost/shop", "DATABASE_URL: "),
        ("sync_roles", "DATABASE_URL=postgresql://ada:secret@localhost/", "DATABASE_URL: "),
        ("sync_roles", "DATABASE_URL=postgresql://ada:secret@localhost/shop?colour=red", "DATABASE_URL: "),
        ("rebuild_consents", "REDIS_URL=redis://:secret[@localhost", "REDIS_URL: "),
        ("check", "TUNING_MINUTES=many", "TUNING_MINUTES='many': "),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(command: str, variable: str, message: str) -> None:
    name, _, value = variable.partition("=")

    done = manage(command, **{name: value})

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(message)
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_a_redis_that_is_away_is_told_in_a_sentence(transactional_db: None) -> None:
    done = manage(
        "replay_profiles", DATABASE_URL=database(connection.settings_dict["NAME"]), REDIS_URL=f"redis://{NOBODY}/0"
    )

    assert (done.returncode, done.stderr.splitlines()[0][:7]) == (1, "Redis: ")
    assert "REDIS_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_was_not_migrated_names_the_command(transactional_db: None) -> None:
    done = manage("sync_roles", DATABASE_URL=database("postgres"))

    assert done.returncode == 1
    assert "manage.py migrate --database owner" in done.stderr
    assert "Traceback" not in done.stderr


def test_whoever_wants_the_traceback_gets_it() -> None:
    done = manage("sync_roles", "--traceback", DATABASE_URL=f"postgresql://ada@{NOBODY}/shop")

    assert "Traceback" in done.stderr


def test_ctrl_c_is_no_crash(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(words: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "execute", stop)

    with pytest.raises(SystemExit) as ended:
        command_line.run(["manage.py", "replay_profiles"])

    assert (ended.value.code, capsys.readouterr().err) == (130, "\nstopped before the end\n")


def test_a_fault_of_the_code_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(words: list[str]) -> None:
        raise KeyError("no_such_name")

    monkeypatch.setattr(command_line, "execute", fail)

    with pytest.raises(KeyError):
        command_line.run(["manage.py", "replay_profiles"])


def test_a_replay_that_was_stopped_says_that_profiles_are_incomplete(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*log: object, **progress: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(replay_profiles, "replay", stop)

    with pytest.raises(CommandError, match="profiles are incomplete: run it again") as ended:
        call_command("replay_profiles")

    assert ended.value.returncode == 130


def test_a_connection_that_nobody_knows_is_told_with_those_there_are() -> None:
    done = manage("grant_app_role", "--database", "nowhere")

    assert done.returncode == 2
    assert "choose from 'default', 'owner'" in done.stderr


def test_tests_that_are_not_there_are_told_by_name() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "REDIS_"))}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "1", "tests/nowhere.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr.strip()) == (4, "ERROR: file or directory not found: tests/nowhere.py")
