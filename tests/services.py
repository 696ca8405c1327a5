"""The stores of a test session: those that DATABASE_URL and REDIS_URL name, else an embedded instance of our own.

Sessions that run side by side (pytest-xdist's workers too) share the instance. Each takes a numbered place for as
long as it lives: a database of its own in PostgreSQL and a few of Valkey's databases.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import pytest
import redis

from config import env
from embedded import instance as embedded

ROOT = Path(__file__).resolve().parent.parent
PLACES = 200
REDIS_DATABASES_A_PLACE = 4


@dataclass
class Services:
    """The place of this session; closing the files gives it back."""

    place: int
    locks: list[IO[str]]
    directory: Path | None

    def leave(self) -> None:
        """Give the place back; the last session out stops the embedded servers."""
        for file in self.locks:
            file.close()
        if self.directory is not None:
            stop_when_last(self.directory)


def acquire() -> Services:
    """Point the environment at the stores of this session, starting them if need be."""
    if named():
        # pytest-django gives each of xdist's workers a database of its own; Valkey's are ours to share out.
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        os.environ["REDIS_URL"] = env.redis_database(os.environ["REDIS_URL"], worker * REDIS_DATABASES_A_PLACE)
        refuse_a_shop(os.environ["REDIS_URL"])
        return Services(0, [], None)
    directory = Path(os.environ.get("VITRINE_TEST_DIR", ROOT / "var" / "test"))
    directory.mkdir(parents=True, exist_ok=True)
    user = lock(directory / "users.lock", fcntl.LOCK_SH)
    with lock(directory / "start.lock", fcntl.LOCK_EX):
        instance = embedded.load(directory, throwaway=True)
        if not instance.ready():
            embedded.stop(instance)
            with embedded.moved(directory):
                instance = embedded.load(directory, throwaway=True)
                embedded.start(instance)
    place, holder = take_place(directory)
    # Django puts test_ in front: each place has a test database of its own.
    os.environ["DATABASE_URL"] = os.environ["DATABASE_OWNER_URL"] = f"{instance.postgres.owner_url}_{place}"
    os.environ["DATABASE_APP_ROLE"] = "vitrine_app"
    os.environ["REDIS_URL"] = env.redis_database(instance.valkey.url, place * REDIS_DATABASES_A_PLACE)
    return Services(place, [user, holder], directory)


def environment() -> dict[str, str]:
    """Return the environment of a process of the product that shall see this session's test database."""
    from django.conf import settings  # which are read when the session has its place

    database = settings.DATABASES["default"]
    user, password = quote(database["USER"]), quote(database["PASSWORD"])
    url = f"postgresql://{user}:{password}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    return {**os.environ, "DATABASE_URL": url, "DATABASE_OWNER_URL": url}


def named() -> bool:
    """Return whether the environment names the stores to test on."""
    return "DATABASE_URL" in os.environ and "REDIS_URL" in os.environ


def refuse_a_shop(url: str) -> None:
    """Raise pytest's UsageError where a database that tests would empty holds anything: a shell names its shop's."""
    for offset in range(REDIS_DATABASES_A_PLACE):
        with redis.Redis.from_url(env.redis_database(url, offset)) as client:
            if client.dbsize():
                number = client.connection_pool.connection_kwargs.get("db", 0)
                raise pytest.UsageError(
                    f"Tests empty the database {number} of REDIS_URL, and it holds something. Without DATABASE_URL and "
                    f"REDIS_URL in the environment they start stores of their own; else empty it (FLUSHDB)."
                )


def take_place(directory: Path) -> tuple[int, IO[str]]:
    """Return the first free place and the file that holds it."""
    for place in range(PLACES):
        try:
            return place, lock(directory / f"place-{place}.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
    raise RuntimeError(f"{PLACES} test sessions at once is too many")


def stop_when_last(directory: Path) -> None:
    """Stop the embedded servers unless another session uses them."""
    try:
        with lock(directory / "users.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
            embedded.stop(embedded.load(directory, throwaway=True))
    except BlockingIOError:
        return


def lock(path: Path, how: int) -> IO[str]:
    """Return the file, locked until it is closed."""
    file = path.open("w")
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        file.close()
        raise
    return file
