"""The registry of erasers, exporters and verifiers of personal data.

It names no room: each room with data about shoppers registers a store from its `apps.py`. The API of privacy requests,
which will call the stores, does not exist yet.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    """All ids of one shopper, as subjects: `user:ID` and `anonymous:ID`."""

    subjects: tuple[str, ...]


Export = Mapping[str, Iterable[Mapping[str, Any]]]
"""Table name to rows, in words that a shopper can read."""


@dataclass(frozen=True, slots=True)
class Store:
    """One store of data about shoppers.

    `erase` deletes a person's data and returns the number of records; it may run again, and raises if it could not
    finish. `verify` returns the number of records left: zero after a complete erasure. `export` returns all of the
    person's data. A `first` store is erased before all others, because they are written from it; `last` ones after all
    others, because they hold the proof.
    """

    name: str
    erase: Callable[[Person], int]
    export: Callable[[Person], Export]
    verify: Callable[[Person], int]
    first: bool = False
    last: bool = False


_stores: dict[str, Store] = {}


def register(store: Store) -> None:
    """Add a store. Raises ValueError if another store has the name."""
    if _stores.setdefault(store.name, store) is not store:
        raise ValueError(f"a privacy store named {store.name!r} is registered already")


def stores() -> tuple[Store, ...]:
    """Return all stores in the order of erasure."""
    return tuple(sorted(_stores.values(), key=lambda store: (not store.first, store.last, store.name)))
