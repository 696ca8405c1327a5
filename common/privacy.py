"""The registry of personal data: each store can discover, export, erase and verify what it holds about a shopper.

It names no room: each room with data about shoppers registers a store from its `apps.py`. Privacy requests
(`consents.services.erasure`) call the stores.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Span = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class Person:
    """All ids of one shopper, as subjects: `user:ID` and `anonymous:ID`.

    `shared` are devices that were also somebody else's, with the times in which they were this shopper's: half-open, in
    microseconds, None without end. Stores that know the time of a record hold what is the shopper's there.
    """

    subjects: tuple[str, ...]
    shared: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Holding:
    """The records of one shopper in one table, key or file: their number, and the fields with personal data."""

    table: str
    fields: tuple[str, ...]
    count: int


Export = Mapping[str, Iterable[Mapping[str, Any]]]
"""Table name to rows, in words that a shopper can read."""


@dataclass(frozen=True, slots=True)
class Store:
    """One store of data about shoppers.

    `discover` returns what the store holds under the person's ids; tables without any record may be left out. `erase`
    deletes it and returns the number of records; it may run again, and raises if it could not finish. `export` returns
    the person's data. `rectify` writes new values of the person's attributes, in stores that have them.

    A `first` store is erased before all others, because they are written from it; `last` ones after all others, because
    they hold the proof. `note` tells on a receipt what stays, and why. What `is_log` holds does not make a shopper
    known: a request about anybody leaves a trace there.

    `subjects` yields all ids under which the store holds something, each with the time of its earliest record, or None
    where none is kept; an id may come twice. Stores that hold nothing of a shopper whom no other store knows lack it.
    """

    name: str
    erase: Callable[[Person], int]
    export: Callable[[Person], Export]
    discover: Callable[[Person], Iterable[Holding]]
    rectify: Callable[[Person, Mapping[str, Any]], None] | None = None
    first: bool = False
    last: bool = False
    is_log: bool = False
    note: str = ""
    subjects: Callable[[], Iterable[tuple[str, datetime | None]]] = tuple

    def verify(self, person: Person) -> int:
        """Return the number of records that the store still holds: zero after a complete erasure."""
        return sum(holding.count for holding in self.discover(person))


_stores: dict[str, Store] = {}
_followers: list[tuple[Callable[[], None], str]] = []


def register(store: Store) -> None:
    """Add a store. Raises ValueError if another store has the name."""
    if _stores.setdefault(store.name, store) is not store:
        raise ValueError(f"a privacy store named {store.name!r} is registered already")


def stores() -> tuple[Store, ...]:
    """Return all stores in the order of erasure."""
    return tuple(sorted(_stores.values(), key=lambda store: (not store.first, store.last, store.name)))


def after_erasure(follow: Callable[[], None], *, note: str) -> None:
    """Have `follow` called after each complete erasure is committed: for what was computed from many shoppers.

    `note` tells on a receipt what it does.
    """
    _followers.append((follow, note))


def follow_erasure() -> None:
    """Call all that registered with `after_erasure`."""
    for follow, _ in _followers:
        follow()


def notes_after_erasure() -> list[str]:
    """Return what the receipt of an erasure says about what follows it."""
    return [note for _, note in _followers]
