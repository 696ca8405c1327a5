"""What the stores hold about a shopper, in words: each table with its number of records and the newest of them."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from catalog.selectors import titles_of
from common import privacy
from common.clock import from_microseconds
from portal.profile import readable
from portal.your_data.event_lines import facts_of, product_ids_of

EVENTS: Final = "events events"
NEWEST: Final = 20
LONGEST: Final = 240
TABLES: Final = {
    "customers customers": ("Your account", "What you or the shop stated about you."),
    "customers links between ids": ("Your devices", "Where you signed in, so that your account knows your devices."),
    "events events": ("What you did in the shop", "Pages, products and carts, and the lists that we showed you."),
    "events orders": ("Your orders", "What you bought. The law wants it kept for taxes."),
    "profiles profile": ("What recommendations look at", "The latest of it, kept ready for the next answer."),
    "profiles said": ("What recommendations know of you", "Attributes that may change what you are shown."),
    "profiles segments": ("Your groups", "See below for the reasons."),
    "experiments arms of experiments": ("Your versions in experiments", "So that you see the same one at each visit."),
    "experiments experiments seen": ("Experiments that you saw", "See below for the versions."),
    "consents consent_decisions": ("Your decisions about consent", "Each yes and no, as the proof of it."),
    "sessions cart": ("Your cart", "In the session of your login."),
    "audit audit_events": ("Notes in our log", "Who did something with your data, and when."),
}
"""Title and explanation by store and table."""
INTERNAL: Final = frozenset({"inputs", "seals", "message_id", "email_hash"})
"""What computes an answer again, or finds a row: the download has it."""
OBVIOUS: Final = frozenset({"at", "name", "kind", "what", "value", "segment", "experiment", "product", "products"})
"""Columns whose values need no name before them."""
YEAR_2000_US: Final = 946_684_800_000_000


@dataclass(frozen=True, slots=True)
class KnownTable:
    """One table: how many records there are, and the newest of them as lines of text."""

    title: str
    about: str
    count: int
    lines: tuple[str, ...]


def known_tables(person: privacy.Person) -> list[KnownTable]:
    """Return each table with any record. Raises what a store raises."""
    tables = []
    for store in privacy.stores():
        for name, rows in store.export(person).items():
            count, newest = 0, deque[Mapping[str, Any]](maxlen=NEWEST)
            for row in rows:
                count += 1
                newest.append(row)
            if count:
                table = f"{store.name} {name}"
                title, about = TABLES.get(table, (table.replace("_", " "), ""))
                lines = tuple(map(line_of, _in_plain_words(table, list(reversed(newest)))))
                tables.append(KnownTable(title, about, count, lines))
    order = {title: place for place, (title, _) in enumerate(TABLES.values())}
    return sorted(tables, key=lambda table: order.get(table.title, len(order)))


def _in_plain_words(table: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the rows with titles in the place of product ids; of events only what says what happened."""
    if table == EVENTS:
        titles = titles_of({one for row in rows for one in product_ids_of(row)})
        return [facts_of(row, titles) for row in rows]
    titles = titles_of({str(row["product_id"]) for row in rows if "product_id" in row})
    return [
        {"product" if name == "product_id" else name: titles.get(str(value), value) for name, value in row.items()}
        for row in rows
    ]


def line_of(row: Mapping[str, Any]) -> str:
    """Return a record as one line: its values with their names, without empty ones."""
    return _shortened(" · ".join(_parts(row)))


def _parts(row: Mapping[str, Any]) -> list[str]:
    parts = []
    for name, value in row.items():
        if name in INTERNAL or value in (None, "", [], {}, ()):
            continue
        label = name.replace("__key", "").replace("_", " ")
        parts.append(_text(value) if label in OBVIOUS else f"{label}: {_text(value)}")
    return parts


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, int) and not isinstance(value, bool) and value > YEAR_2000_US:
        return f"{from_microseconds(value):%Y-%m-%d %H:%M}"
    if isinstance(value, Mapping):
        return ", ".join(_parts(value))
    if isinstance(value, list | tuple):
        return "; ".join(_text(one) for one in value)
    return readable(value)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
