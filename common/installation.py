"""Assigns stores to an installation: Redis and the model folder hold the identity of the first one that used them.

Two installations on one Redis would read each other's events, and on one folder delete each other's models. The
identity is the time of the database's first migration: a dump keeps it, and another database has another.
"""

import contextlib
import os
from pathlib import Path
from typing import Final, Protocol

import redis
from django.conf import settings
from django.core.management.base import CommandError
from django.db import ProgrammingError, connection

from common import fast_clock
from common.errors import Conflict
from common.redis import connect

KEY: Final = "v:installation"
FILE: Final = "installation"


class ForeignStoreError(Conflict):
    """A store belongs to another installation."""


class Store(Protocol):
    """A store that holds an identity."""

    def read(self) -> str:
        """Return the identity in the store, or ""."""

    def write(self, identity: str) -> None:
        """Write the identity."""


class RedisStore:
    """A database of Redis."""

    def __init__(self, url: str) -> None:
        self.client = connect(url)

    def read(self) -> str:
        """Return the identity in the store, or ""."""
        value = self.client.get(KEY)
        return value.decode() if isinstance(value, bytes) else ""

    def write(self, identity: str) -> None:
        """Write the identity. A full store stays without one; only consumers can make room."""
        with contextlib.suppress(redis.exceptions.OutOfMemoryError):
            self.client.set(KEY, identity)


class Folder:
    """A folder, created at the first write. A folder that cannot be read or written has no known owner."""

    def __init__(self, path: str | Path) -> None:
        self.file = Path(path) / FILE

    def read(self) -> str:
        """Return the identity in the store, or ""."""
        try:
            return self.file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return ""

    def write(self, identity: str) -> None:
        """Write the identity."""
        draft = self.file.with_name(f"{FILE}.{os.getpid()}")
        with contextlib.suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            try:
                draft.write_text(f"{identity}\n", encoding="utf-8")
                draft.replace(self.file)
            finally:
                draft.unlink(missing_ok=True)


def stores() -> dict[str, Store]:
    """Return the stores by the name of their setting."""
    return {
        "REDIS_URL": RedisStore(settings.REDIS_URL),
        "REDIS_BROKER_URL": RedisStore(settings.REDIS_BROKER_URL),
        "MODEL_DIR": Folder(settings.MODEL_DIR),
    }


def identity() -> str:
    """Return this installation's identity, or "" before the first migration."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT min(applied) FROM django_migrations")
            (moment,) = cursor.fetchone()
    except ProgrammingError:
        return ""
    return moment.isoformat() if moment else ""


def take(*names: str) -> None:
    """Write our identity into these stores where they have none.

    Raises ForeignStoreError for a store of another installation, and the errors of database and Redis.
    """
    own, all_stores = identity(), stores()
    for name in names if own else ():
        if not all_stores[name].read():
            all_stores[name].write(own)
    check(*names)


def check(*names: str) -> None:
    """Raise ForeignStoreError if one of these stores belongs to another installation, or to a simulation."""
    own, all_stores = identity(), stores()
    identities = {name: all_stores[name].read() for name in names} if own else {}
    for name, other in identities.items():
        if other not in ("", own):
            raise ForeignStoreError(
                f"{name} belongs to the installation begun at {other}, this one's database was begun at {own}: set "
                f"another {name}; or, where the other one is no more, run manage.py adopt_stores"
            )
    if own and "REDIS_URL" in names and not settings.FAST_CLOCK and fast_clock.has_run():
        raise ForeignStoreError(
            "REDIS_URL belongs to a simulation: its clock ran fast, so its data lie in the future. Production needs "
            "an installation of its own; a demo (DEMO=1, without HTTPS) may go on with this one"
        )


def take_for_command(*names: str) -> None:
    """Take these stores for a command. Raises CommandError if one belongs to another installation."""
    try:
        take(*names)
    except ForeignStoreError as error:
        raise CommandError(error.detail) from error


def adopt() -> tuple[list[str], list[str]]:
    """Write our identity into every store, whoever owns it.

    Return the settings of the stores that belonged to others: those that are ours now, and those that could not be
    written.
    """
    own, all_stores = identity(), stores()
    foreign = [name for name, store in all_stores.items() if store.read() not in ("", own)] if own else []
    for store in all_stores.values() if own else ():
        store.write(own)
    unwritten = [name for name in foreign if all_stores[name].read() != own]
    return [name for name in foreign if name not in unwritten], unwritten
