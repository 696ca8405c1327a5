"""How an interaction is kept: the score of a sorted set is its time, the member is the rest. Pure.

The time is no part of the member: a retried event comes with a slightly other time and must find itself there already.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import orjson

from events.types.base import SAME_ORDER_MICROSECONDS, SIGNALS, Interaction, Signal

MAX_INTERACTIONS: Final = 300
"""Newest interactions kept of each kind and raw id: browsing apart from purchases and opinions."""
LASTING: Final[frozenset[Signal]] = frozenset({"purchase", "rating", "like"})
"""Signals kept apart, so that a long evening of browsing does not push them out."""
_CODES: Final = {signal: code for code, signal in enumerate(SIGNALS)}


def member(interaction: Interaction, *, line: int) -> bytes:
    """Return what is kept of an interaction, the `line`-th of its event."""
    return orjson.dumps(
        [
            interaction.message_id,
            line,
            _CODES[interaction.signal],
            interaction.product_id,
            interaction.quantity,
            interaction.price,
            interaction.value,
            interaction.order_id,
            interaction.recommendation_id,
        ]
    )


def interactions(rows: Sequence[tuple[int, bytes]]) -> list[Interaction]:
    """Return kept rows (time, member) as interactions, by time; those of one event in the order it lists them."""
    parsed = orjson.loads(b"[" + b",".join([row for _, row in rows]) + b"]")
    times = [at for at, _ in rows]
    order = sorted(range(len(rows)), key=lambda row: (times[row], parsed[row][0], parsed[row][1]))
    return [
        Interaction(message, times[row], SIGNALS[code], product, quantity, price, value, order_id, recommendation)
        for row in order
        for message, _, code, product, quantity, price, value, order_id, recommendation in [parsed[row]]
    ]


def without_repeats(history: Iterable[Interaction]) -> list[Interaction]:
    """Return interactions (by time) without the lines of an order that another event told lately.

    Browser and server both tell of an order; training counts its lines once too (`training.cleaning`).
    """
    last: dict[tuple[str, str], tuple[int, str]] = {}
    result = []
    for one in history:
        if one.signal == "purchase" and one.order_id:
            line = (one.product_id, one.order_id)
            at, first_message = last.get(line, (one.at - SAME_ORDER_MICROSECONDS, one.message_id))
            repeated = first_message != one.message_id and one.at - at < SAME_ORDER_MICROSECONDS
            last[line] = (one.at, first_message if repeated else one.message_id)
            if repeated:
                continue
        result.append(one)
    return result


def distinct(history: Iterable[Interaction]) -> list[Interaction]:
    """Return interactions without what is the same of one moment, as two lines of one product in an order: the first.

    For a model they are one purchase, in training too (`training.cleaning`); for what an order was worth, two lines.
    """
    first: dict[tuple[int, str, str, str | None], Interaction] = {}
    for one in history:
        first.setdefault((one.at, one.product_id, one.signal, one.order_id), one)
    return list(first.values())


def newest(rows: Iterable[tuple[int, bytes]]) -> list[Interaction]:
    """Return what counts of a person's rows, by time: of each kind as much as one raw id may keep."""
    history = without_repeats(interactions(list(rows)))
    if len(history) <= MAX_INTERACTIONS:
        return history
    room = {True: MAX_INTERACTIONS, False: MAX_INTERACTIONS}
    result = []
    for one in reversed(history):
        is_lasting = one.signal in LASTING
        if room[is_lasting]:
            room[is_lasting] -= 1
            result.append(one)
    return result[::-1]
