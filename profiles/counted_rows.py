"""What a shopper adds to the live counts: rows of interactions, and the counts that follow from them. Pure.

The script of `services/live_counts.py` keeps the same sums while rows come and go. `contribution` says what they must
be, so that a shopper can be subtracted and a rebuild be compared.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from events.types.base import SIGNALS, Interaction

PURPOSES: Final = frozenset({"personalization", "train_models"})
"""Both are needed: a count is learned from, and shapes what others see."""
DAYS: Final = 3
"""Days that are counted, today included. Whatever is older, the model has learned."""
DAY_US: Final = 86_400_000_000
MAX_STEPS: Final = 3
"""The largest distance of a pair, in rows of one shopper, sorted by time."""
VISIT_US: Final = 1_800_000_000
"""The longest time between the rows of a pair, which lie in one day."""
MAX_ROWS: Final = 200
"""A shopper counts with so many newest rows: nobody makes a trend alone."""
ITEM, PAIR = "i", "p"


class Row(NamedTuple):
    """A counted row: its time in microseconds, and `SIGNAL:PRODUCT`, NUL, what tells it from others."""

    at: int
    member: bytes


class Field(NamedTuple):
    """What is counted. `name` is `SIGNAL:PRODUCT` of an item, `SIGNAL:FROM`, NUL, `TO` of a pair; SIGNAL is a code."""

    kind: str
    day: int
    name: bytes


def row_of(interaction: Interaction, *, line: int) -> Row:
    """Return the row of an interaction, the `line`-th of its event.

    Rows with an equal member are one: a retried event, and an order that browser and server both sent.
    """
    order = interaction.order_id if interaction.signal == "purchase" else None
    identity = f"order\0{order}" if order else f"{interaction.message_id}\0{line}"
    text = f"{SIGNALS.index(interaction.signal)}:{interaction.product_id}\0{identity}"
    return Row(interaction.at, text.encode())


def first_day(now_us: int) -> int:
    """Return the first day that is counted, in days since 1970."""
    return now_us // DAY_US - DAYS + 1


def contribution(rows: Iterable[Row], *, since: int) -> Counter[Field]:
    """Return what one shopper's rows count, from the day `since` on."""
    counts: Counter[Field] = Counter()
    ordered = sorted(set(rows))
    for place, row in enumerate(ordered):
        day = row.at // DAY_US
        if day < since:
            continue
        counts[Field(ITEM, day, _text(row))] += 1
        for later in ordered[place + 1 : place + 1 + MAX_STEPS]:
            for name in _pairs(row, later):
                counts[Field(PAIR, day, name)] += 1
    return counts


def _pairs(row: Row, later: Row) -> list[bytes]:
    (code, product), (later_code, later_product) = (_text(one).split(b":", 1) for one in (row, later))
    if product == later_product or row.at // DAY_US != later.at // DAY_US or later.at - row.at > VISIT_US:
        return []
    forward = later_code + b":" + product + b"\0" + later_product
    backward = code + b":" + later_product + b"\0" + product
    return [forward, backward] if row.at == later.at else [forward]


def _text(row: Row) -> bytes:
    return row.member.split(b"\0", 1)[0]
