"""The embedded stores: made once, found again, two roles, nothing acknowledged is lost, gone when stopped."""

import dataclasses
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import redis

from embedded import instance, ports

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the instance that most tests here share."""
    return tmp_path_factory.mktemp("stores")


@pytest.fixture(scope="module")
def stores(folder: Path) -> Iterator[instance.Instance]:
    """The running instance."""
    with instance.running(folder) as running:
        yield running


def query(url: str, statement: str) -> None:
    """Run one statement in a connection of its own."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def test_both_answer_with_their_own_passwords(stores: instance.Instance) -> None:
    query(stores.postgres.app_url, "SELECT 1")

    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        query(stores.postgres.app_url.replace(stores.postgres.app_password, "guessed"), "SELECT 1")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=stores.valkey.port, password="guessed").ping()


def test_the_app_role_makes_no_tables(stores: instance.Instance) -> None:
    query(stores.postgres.owner_url, "CREATE TABLE proof (id int)")

    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        query(stores.postgres.app_url, "CREATE TABLE more (id int)")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        query(stores.postgres.app_url, "DELETE FROM proof")


def test_nothing_runs_after_the_stop_and_what_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    with instance.running(tmp_path) as stores:
        query(stores.postgres.owner_url, "CREATE TABLE kept (id int)")
        redis.Redis.from_url(stores.valkey.url).set("kept", "1")

    assert not ports.answers(stores.postgres.port)
    assert not ports.answers(stores.valkey.port)
    assert stores.pids() == {}
    with instance.running(tmp_path) as stores:
        query(stores.postgres.owner_url, "SELECT * FROM kept")
        assert redis.Redis.from_url(stores.valkey.url).get("kept") == b"1"


def test_valkey_killed_right_after_its_answer_has_lost_nothing(stores: instance.Instance, folder: Path) -> None:
    client = redis.Redis.from_url(stores.valkey.url)
    for number in range(200):
        client.xadd("log", {"n": number})
    os.kill(int((folder / "valkey.pid").read_text()), signal.SIGKILL)
    instance.stop(stores)
    instance.start(stores)

    assert client.xlen("log") == 200


def test_a_second_valkey_on_the_same_files_is_refused(stores: instance.Instance, folder: Path) -> None:
    second = dataclasses.replace(stores.valkey, port=ports.pick())

    done = subprocess.run(second.command(), capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 1
    assert f"another process holds {folder}" in done.stderr


def test_the_servers_of_a_folder_are_known_and_not_those_of_its_copy(
    stores: instance.Instance, folder: Path, tmp_path: Path
) -> None:
    shutil.copy(folder / "instance.json", tmp_path)
    copy = instance.load(tmp_path)
    copy.postgres.data.mkdir(parents=True)
    shutil.copy(stores.postgres.data / "postmaster.pid", copy.postgres.data)

    assert stores.pids() == {name: int((folder / f"{name}.pid").read_text()) for name in ("postgres", "valkey")}
    assert copy.pids() == {}


def test_a_taken_port_is_left_to_its_owner(stores: instance.Instance, tmp_path: Path) -> None:
    preferred = {"postgres": stores.postgres.port, "valkey": stores.valkey.port}

    second = instance.load(tmp_path, preferred=preferred)

    assert second.postgres.port != stores.postgres.port
    assert second.valkey.port != stores.valkey.port


def test_an_instance_moves_when_a_stranger_took_its_port(stores: instance.Instance, tmp_path: Path) -> None:
    before = instance.load(tmp_path)
    taken = {"owner_password": "o", "app_password": "a", "valkey_password": "v"}
    taken |= {"postgres_port": str(stores.postgres.port), "valkey_port": str(before.valkey.port)}
    instance.write(tmp_path / "instance.json", taken)

    with instance.moved(tmp_path):
        after = instance.load(tmp_path)

    assert after.postgres.port != stores.postgres.port
    assert after.valkey.port == before.valkey.port
