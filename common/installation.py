"""Whose a store is: Redis and the folder of models bear the identity of the installation that first took them.

Two installations on one Redis read each other's events, and on one folder each deletes the other's models. The identity
is the moment of the database's first migration: a dump keeps it, another installation's database has another one.
"""

import contextlib
import os
from pathlib import Path
from typing import Final, Protocol

import redis
from django.conf import settings
from django.core.management.base import CommandError
from django.db import ProgrammingError, connection

from common.errors import Conflict
from common.redis import connect

KEY: Final = "v:installation"
FILE: Final = "installation"


class ForeignStoreError(Conflict):
    """A store bears the identity of another installation."""


class Store(Protocol):
    """What bears an identity."""

    def read(self) -> str:
        """Return the identity that it bears, or nothing."""

    def write(self, identity: str) -> None:
        """Have it bear this one."""


class RedisStore:
    """A database of Redis."""

    def __init__(self, url: str) -> None:
        self.client = connect(url)

    def read(self) -> str:
        """Return the identity that it bears, or nothing."""
        value = self.client.get(KEY)
        return value.decode() if isinstance(value, bytes) else ""

    def write(self, identity: str) -> None:
        """Have it bear this one. A store that is full bears none: it is the consumers who make room."""
        with contextlib.suppress(redis.exceptions.OutOfMemoryError):
            self.client.set(KEY, identity)


class Folder:
    """A folder, made when it is first written to. One that cannot be read or written says nothing about whose it is."""

    def __init__(self, path: str | Path) -> None:
        self.file = Path(path) / FILE

    def read(self) -> str:
        """Return the identity that it bears, or nothing."""
        try:
            return self.file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return ""

    def write(self, identity: str) -> None:
        """Have it bear this one."""
        draft = self.file.with_name(f"{FILE}.{os.getpid()}")
        with contextlib.suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            try:
                draft.write_text(f"{identity}\n", encoding="utf-8")
                draft.replace(self.file)
            finally:
                draft.unlink(missing_ok=True)


def stores() -> dict[str, Store]:
    """Return the stores by the setting that names each."""
    return {
        "REDIS_URL": RedisStore(settings.REDIS_URL),
        "REDIS_BROKER_URL": RedisStore(settings.REDIS_BROKER_URL),
        "MODEL_DIR": Folder(settings.MODEL_DIR),
    }


def identity() -> str:
    """Return this installation's, or nothing before the database is migrated."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT min(applied) FROM django_migrations")
            (moment,) = cursor.fetchone()
    except ProgrammingError:
        return ""
    return moment.isoformat() if moment else ""


def take(*names: str) -> None:
    """Have these stores, which this process writes to, bear our identity where they bear none.

    Raises ForeignStoreError where one bears another's, and what database and Redis raise.
    """
    own, all_stores = identity(), stores()
    for name in names if own else ():
        if not all_stores[name].read():
            all_stores[name].write(own)
    check(*names)


def check(*names: str) -> None:
    """Raise ForeignStoreError where one of these stores bears another's identity."""
    own, all_stores = identity(), stores()
    identities = {name: all_stores[name].read() for name in names} if own else {}
    for name, other in identities.items():
        if other not in ("", own):
            raise ForeignStoreError(
                f"{name} belongs to the installation begun at {other}, this one's database was begun at {own}: set "
                f"another {name}; or, where the other one is no more, run manage.py adopt_stores"
            )


def take_for_command(*names: str) -> None:
    """Take these stores for a command. Raises CommandError where one bears another's identity."""
    try:
        take(*names)
    except ForeignStoreError as error:
        raise CommandError(error.detail) from error


def adopt() -> tuple[list[str], list[str]]:
    """Have every store bear our identity, whatever it bears.

    Return the settings of those that bore another's: which are ours now, and which could not be written.
    """
    own, all_stores = identity(), stores()
    foreign = [name for name, store in all_stores.items() if store.read() not in ("", own)] if own else []
    for store in all_stores.values() if own else ():
        store.write(own)
    unwritten = [name for name in foreign if all_stores[name].read() != own]
    return [name for name in foreign if name not in unwritten], unwritten
