"""The registry of erasers, exporters and verifiers. It names nobody: every room that holds something about a shopper
registers a store from its `apps.py`. The routes of privacy requests, which will run them, are to come.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    """All ids one shopper is known by, as subjects: `user:ID` and `anonymous:ID`."""

    subjects: tuple[str, ...]


Export = Mapping[str, Iterable[Mapping[str, Any]]]
"""Table name to rows, in words a shopper can read."""


@dataclass(frozen=True, slots=True)
class Store:
    """One place that holds something about shoppers.

    `erase` removes it and returns how many records went; it may be run again and raises when it could not finish.
    `verify` returns how many records are still there: zero after a complete erasure.
    `export` returns everything the place holds. A `first` store is erased before all others, which are written from
    it; `last` ones after all others: they hold the proof.
    """

    name: str
    erase: Callable[[Person], int]
    export: Callable[[Person], Export]
    verify: Callable[[Person], int]
    first: bool = False
    last: bool = False


_stores: dict[str, Store] = {}


def register(store: Store) -> None:
    """Add a store. Raises ValueError when another store has the name."""
    if _stores.setdefault(store.name, store) is not store:
        raise ValueError(f"a privacy store named {store.name!r} is registered already")


def stores() -> tuple[Store, ...]:
    """Return all stores in the order in which they are erased."""
    return tuple(sorted(_stores.values(), key=lambda store: (not store.first, store.last, store.name)))
