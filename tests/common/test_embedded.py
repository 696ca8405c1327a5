"""The embedded stores: made once, found again, two roles, nothing acknowledged is lost, gone when stopped."""

import dataclasses
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg2
import pytest
import redis

from embedded import instance, ports

pytestmark = pytest.mark.slow


def query(url: str, statement: str) -> None:
    """Run one statement in a connection of its own."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def test_both_answer_with_their_own_passwords(tmp_path: Path) -> None:
    with instance.running(tmp_path) as stores:
        query(stores.postgres.app_url, "SELECT 1")

        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            query(stores.postgres.app_url.replace(stores.postgres.app_password, "guessed"), "SELECT 1")
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=stores.valkey.port, password="guessed").ping()


def test_the_app_role_makes_no_tables(tmp_path: Path) -> None:
    with instance.running(tmp_path) as stores:
        query(stores.postgres.owner_url, "CREATE TABLE proof (id int)")

        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            query(stores.postgres.app_url, "CREATE TABLE more (id int)")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            query(stores.postgres.app_url, "DELETE FROM proof")


def test_what_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    with instance.running(tmp_path) as stores:
        query(stores.postgres.owner_url, "CREATE TABLE kept (id int)")
        redis.Redis.from_url(stores.valkey.url).set("kept", "1")

    with instance.running(tmp_path) as stores:
        query(stores.postgres.owner_url, "SELECT * FROM kept")
        assert redis.Redis.from_url(stores.valkey.url).get("kept") == b"1"


def test_valkey_killed_right_after_its_answer_has_lost_nothing(tmp_path: Path) -> None:
    with instance.running(tmp_path) as stores:
        client = redis.Redis.from_url(stores.valkey.url)
        for number in range(200):
            client.xadd("log", {"n": number})
        os.kill(int((tmp_path / "valkey.pid").read_text()), signal.SIGKILL)
        instance.stop(stores)
        instance.start(stores)

        assert client.xlen("log") == 200


def test_nothing_runs_after_the_stop(tmp_path: Path) -> None:
    with instance.running(tmp_path) as stores:
        assert ports.answers(stores.postgres.port)

    assert not ports.answers(stores.postgres.port)
    assert not ports.answers(stores.valkey.port)


def test_a_second_valkey_on_the_same_files_is_refused(tmp_path: Path) -> None:
    with instance.running(tmp_path) as stores:
        second = dataclasses.replace(stores.valkey, port=ports.pick())

        done = subprocess.run(second.command(), capture_output=True, text=True, timeout=30, check=False)

        assert done.returncode == 1
        assert f"another process holds {tmp_path}" in done.stderr


def test_the_servers_of_a_folder_are_known_and_not_those_of_its_copy(tmp_path: Path) -> None:
    with instance.running(tmp_path / "first") as stores:
        (tmp_path / "copy").mkdir()
        shutil.copy(tmp_path / "first" / "instance.json", tmp_path / "copy")
        copy = instance.load(tmp_path / "copy")
        copy.postgres.data.mkdir(parents=True)
        shutil.copy(stores.postgres.data / "postmaster.pid", copy.postgres.data)

        assert stores.pids() == {
            name: int((tmp_path / "first" / f"{name}.pid").read_text()) for name in ("postgres", "valkey")
        }
        assert copy.pids() == {}
    assert stores.pids() == {}


def test_a_taken_port_is_left_to_its_owner(tmp_path: Path) -> None:
    with instance.running(tmp_path / "first") as first:
        preferred = {"postgres": first.postgres.port, "valkey": first.valkey.port}

        second = instance.load(tmp_path / "second", preferred=preferred)

        assert second.postgres.port != first.postgres.port
        assert second.valkey.port != first.valkey.port


def test_an_instance_moves_when_a_stranger_took_its_port(tmp_path: Path) -> None:
    with instance.running(tmp_path / "first") as first:
        before = instance.load(tmp_path / "second")
        taken = {"owner_password": "o", "app_password": "a", "valkey_password": "v"}
        taken |= {"postgres_port": str(first.postgres.port), "valkey_port": str(before.valkey.port)}
        instance.write(tmp_path / "second" / "instance.json", taken)

        with instance.moved(tmp_path / "second"):
            after = instance.load(tmp_path / "second")

        assert after.postgres.port != first.postgres.port
        assert after.valkey.port == before.valkey.port
