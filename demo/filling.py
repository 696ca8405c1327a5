"""Loads a data set once, through the same interfaces that a shop uses."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from audit.selectors import entries
from audit.services import record
from catalog.services import bulk_upsert
from common.errors import Conflict, Unavailable
from demo.datasets.base import DemoData, Item
from demo.setup import ACTOR
from events.activity import lag
from events.services.collect import collect_server_items

LOADED_ACTION: Final = "demo.loaded"
PRODUCTS_AT_ONCE: Final = 2_000
EVENTS_AT_ONCE: Final = 1_000
MOST_TRIES: Final = 60
Progress = Callable[[int], None]
Result = TypeVar("Result")
Row = TypeVar("Row")


def loaded_dataset() -> dict[str, Any] | None:
    """Return the audited facts of the loaded data set, or None before."""
    rows = entries(action=LOADED_ACTION, limit=1)
    return rows[0].data if rows else None


def check_loaded(name: str) -> bool:
    """Return whether the data set is loaded. Raises Conflict if another one is: they would mix."""
    data_set = loaded_dataset()
    if data_set is not None and data_set["name"] != name:
        raise Conflict(f"this demo holds {data_set['name']}; `make clean-demo` makes room for {name}")
    return data_set is not None


def fill_catalog(data: DemoData, progress: Progress) -> None:
    """Write all products to the catalog."""
    for rows in batches(data.products, PRODUCTS_AT_ONCE):
        result = bulk_upsert(rows, actor=ACTOR, source=f"demo:{data.name}")
        if result.rejected:
            raise Conflict(f"a product of the demo was refused: {result.rejected[0]}")
        progress(len(rows))


def send_events(data: DemoData, progress: Progress) -> None:
    """Send all items to the collector. It waits while the log is full; repeats are detected by message id."""
    for items in batches(data.items, EVENTS_AT_ONCE):
        send_items(items, source=f"demo:{data.name}")
        progress(len(items))


def wait_until_recorded(progress: Callable[[int], None], *, timeout_s: float) -> bool:
    """Wait until the recorder has all events; return False if it made no progress for `timeout_s`."""
    fewest, last_change = lag(), time.monotonic()
    while (n_left := lag()) > 0:
        if n_left < fewest:
            fewest, last_change = n_left, time.monotonic()
            progress(n_left)
        if time.monotonic() - last_change > timeout_s:
            return False
        time.sleep(0.2)
    return True


def note_loaded(data: DemoData) -> None:
    """Record in the audit log that the data set is loaded, and its example shopper."""
    data_set = {"name": data.name, "note": data.note, "known_shopper": data.known_shopper, "products": data.n_products}
    record(category="demo", action=LOADED_ACTION, actor=ACTOR, object=f"dataset:{data.name}", data=data_set)


def batches(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Yield the rows in lists of the size."""
    rest = iter(rows)
    while batch := list(islice(rest, size)):
        yield batch


def send_items(items: Sequence[Item], *, source: str) -> None:
    """Send items to the collector. Raises Conflict for one that is rejected, and Unavailable."""
    outcome = patiently(lambda: collect_server_items(items, source=source))
    if outcome.set_aside:
        raise Conflict(f"an event of the demo was set aside: {outcome.set_aside[0]}")


def patiently(call: Callable[[], Result]) -> Result:
    """Return what a call returns. While the log is full it is made again. Raises Unavailable after a minute."""
    for _ in range(MOST_TRIES - 1):
        try:
            return call()
        except Unavailable:
            time.sleep(1)
    return call()
