"""Stored form of interactions: members of a sorted set, whose score is the time. Pure.

The time is not part of the member: a retried event has a slightly different time and must be the same member.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import orjson

from events.types.base import SAME_ORDER_MICROSECONDS, SIGNALS, Interaction, Signal

MAX_INTERACTIONS: Final = 300
"""Interactions kept for each raw id: so many of browsing, and as many purchases and opinions."""
LASTING: Final[frozenset[Signal]] = frozenset({"purchase", "rating", "like"})
"""Signals kept in a set of their own, so that a long evening of browsing does not displace them."""
_CODES: Final = {signal: code for code, signal in enumerate(SIGNALS)}


def member(interaction: Interaction, *, line: int) -> bytes:
    """Return the stored form of an interaction, the `line`-th of its event."""
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
    """Return stored rows (time, member) as interactions, by time; those of one event in its order."""
    parsed = orjson.loads(b"[" + b",".join([row for _, row in rows]) + b"]")
    times = [at for at, _ in rows]
    order = sorted(range(len(rows)), key=lambda row: (times[row], parsed[row][0], parsed[row][1]))
    return [
        Interaction(message, times[row], SIGNALS[code], product, quantity, price, value, order_id, recommendation)
        for row in order
        for message, _, code, product, quantity, price, value, order_id, recommendation in [parsed[row]]
    ]


def without_repeats(history: Iterable[Interaction]) -> list[Interaction]:
    """Return interactions (by time) without order lines that another event repeated within the hour.

    Browser and server both send an order. Training counts its lines once too (`recsys.data.cleaning`). A line without a
    price, as a browser's has, takes that of its repetition.
    """
    last: dict[tuple[str, str], tuple[int, str]] = {}
    first: dict[tuple[str, str], int] = {}
    result: list[Interaction] = []
    for one in history:
        if one.signal == "purchase" and one.order_id:
            line = (one.product_id, one.order_id)
            at, first_message = last.get(line, (one.at - SAME_ORDER_MICROSECONDS, one.message_id))
            repeated = first_message != one.message_id and one.at - at < SAME_ORDER_MICROSECONDS
            last[line] = (one.at, first_message if repeated else one.message_id)
            if repeated:
                if result[first[line]].price is None:
                    result[first[line]] = replace(result[first[line]], price=one.price)
                continue
            first[line] = len(result)
        result.append(one)
    return result


def distinct(history: Iterable[Interaction]) -> list[Interaction]:
    """Return interactions without duplicates of one moment, such as two lines of one product in an order.

    For a model they are one purchase, in training too (`recsys.data.cleaning`); for the value of an order they are two.
    """
    first: dict[tuple[int, str, str, str | None], Interaction] = {}
    for one in history:
        first.setdefault((one.at, one.product_id, one.signal, one.order_id), one)
    return list(first.values())


def newest(rows: Iterable[tuple[int, bytes]]) -> list[Interaction]:
    """Return the interactions of a person that count, by time: as many of each kind as one raw id may have."""
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
