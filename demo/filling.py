"""Filling the installation with a data set, through the doors a shop uses, once."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from audit.selectors import entries
from audit.services import record
from catalog.services import bulk_upsert
from common.errors import Conflict, Unavailable
from demo.datasets.base import DemoData, Item
from demo.setup import ACTOR
from events.activity import lag
from events.services.collect import collect_server_items

LOADED: Final = "demo.loaded"
PRODUCTS_AT_ONCE: Final = 2_000
EVENTS_AT_ONCE: Final = 1_000
MOST_TRIES: Final = 60
Progress = Callable[[int], None]


def loaded() -> dict[str, Any] | None:
    """Return what was noted when a data set was loaded, or None before."""
    found = entries(action=LOADED, limit=1)
    return found[0].data if found else None


def check_loaded(name: str) -> bool:
    """Return whether the data set is loaded. Raises Conflict where another one is: the two would mix."""
    known = loaded()
    if known is not None and known["name"] != name:
        raise Conflict(f"this demo holds {known['name']}; `make clean-demo` makes room for {name}")
    return known is not None


def fill_catalog(data: DemoData, progress: Progress) -> None:
    """Put every product."""
    for rows in batches(data.products, PRODUCTS_AT_ONCE):
        result = bulk_upsert(rows, actor=ACTOR, source=f"demo:{data.name}")
        if result.rejected:
            raise Conflict(f"a product of the demo was refused: {result.rejected[0]}")
        progress(len(rows))


def send_events(data: DemoData, progress: Progress) -> None:
    """Send every item to the collector; a full log is waited for, and a repeat is known by its message id."""
    for items in batches(data.items, EVENTS_AT_ONCE):
        _send(items, source=f"demo:{data.name}")
        progress(len(items))


def wait_until_recorded(reached: Callable[[int], None], *, timeout_s: float) -> bool:
    """Return when the recorder has everything, or False when it has not moved for `timeout_s`: does a consumer run?"""
    least, moved = lag(), time.monotonic()
    while (waiting := lag()) > 0:
        if waiting < least:
            least, moved = waiting, time.monotonic()
            reached(waiting)
        if time.monotonic() - moved > timeout_s:
            return False
        time.sleep(0.2)
    return True


def note_loaded(data: DemoData) -> None:
    """Remember, on the audit log, that the data set is in, and which shopper shows it best."""
    facts = {"name": data.name, "note": data.note, "known_shopper": data.known_shopper, "products": data.n_products}
    record(category="demo", action=LOADED, actor=ACTOR, object=f"dataset:{data.name}", data=facts)


def batches(rows: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the rows in lists of the size."""
    rest = iter(rows)
    while batch := list(islice(rest, size)):
        yield batch


def _send(items: Sequence[Item], *, source: str) -> None:
    for attempt in range(MOST_TRIES):
        try:
            outcome = collect_server_items(items, source=source)
        except Unavailable:
            if attempt == MOST_TRIES - 1:
                raise
            time.sleep(1)
            continue
        if outcome.set_aside:
            raise Conflict(f"an event of the demo was set aside: {outcome.set_aside[0]}")
        return
