"""Interactions as columns for training, read through the code that live profiles use."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd
from django.conf import settings

from common.clock import to_microseconds
from consents.selectors import refusing, withdrawn
from customers.identity import People
from customers.selectors import people
from events.streaming import stream_rows
from events.training_counts import PURPOSE, names_of_products
from events.types.base import Event
from events.types.registry import interactions

QUERY: Final = """
SELECT message_id, name, at, user_id, anonymous_id, sender, properties, context #>> '{device,type}' FROM events_event
WHERE kind = 'track' AND lower(name) = ANY(%s) AND %s = ANY(allowed) AND at >= %s
ORDER BY at, message_id
"""
BEGINNING: Final = datetime.fromisoformat("0001-01-01T00:00:00+00:00")


def training_frame(*, since: datetime | None = None) -> pd.DataFrame:
    """Return the interactions that may train models, sorted by time: one row for each product an event names.

    * user_id: the person's key, `user:ID` or `anonymous:ID`, by the identity rules
    * item_id; timestamp, in seconds since 1970; event, the signal's name; value; quantity
    * price: NaN when unknown,, in another currency than the shop's, or of an unconfirmed order
    * order_id: None when there is none
    * device: its type, "bot" where a machine declares itself; None when unknown

    Only events count whose subject allowed training when they came and never refused it since.
    """
    resolver = people()
    excluded = Excluded(resolver)
    names = names_of_products()
    columns = _Columns()
    for event, device in _events(names, since or BEGINNING):
        person = resolver.person(user_id=event.user_id, anonymous_id=event.anonymous_id, at=event.at)
        if not excluded(event, person):
            columns.add(person, event, device)
    return columns.frame()


def _events(names: list[str], since: datetime) -> Iterator[tuple[Event, str | None]]:
    rows = stream_rows(QUERY, [names, PURPOSE, since])
    for message_id, name, at, user_id, anonymous_id, sender, properties, device in rows:
        event = Event(
            message_id=message_id,
            kind="track",
            name=name,
            at=to_microseconds(at),
            received_at=0,
            user_id=user_id,
            anonymous_id=anonymous_id,
            properties=orjson.loads(properties),
            sender=sender,
        )
        yield event, device


class Excluded:
    """Tests whether an event is excluded: its shopper refuses training now, or withdrew consent after the event.

    A refusal covers the raw id and the person it belonged to at that time.
    """

    def __init__(self, resolver: People) -> None:
        refusals = refusing(PURPOSE)
        self.raw_ids = set(refusals)
        self.persons = {_person(resolver, raw_id, at) for raw_id, at in refusals.items()}
        self.until: dict[str, int] = {}
        for raw_id, at in withdrawn(PURPOSE).items():
            person = _person(resolver, raw_id, at)
            self.until[person] = max(at, self.until.get(person, at))

    def __call__(self, event: Event, person: str) -> bool:
        return (
            person in self.persons or event.raw_id in self.raw_ids or event.at <= self.until.get(person, event.at - 1)
        )


def _person(resolver: People, raw_id: str, at: int) -> str:
    kind, _, value = raw_id.partition(":")
    user_id, anonymous_id = (value, None) if kind == "user" else (None, value)
    return resolver.person(user_id=user_id, anonymous_id=anonymous_id, at=at)


@dataclass(slots=True)
class _Columns:
    """Columns under construction; each distinct text is held once."""

    persons: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    signals: list[str] = field(default_factory=list)
    orders: list[str | None] = field(default_factory=list)
    devices: list[str | None] = field(default_factory=list)
    numbers: tuple[Any, ...] = field(default_factory=lambda: tuple(array("d") for _ in range(4)))
    texts: dict[str, str] = field(default_factory=dict)

    def add(self, person: str, event: Event, device: str | None) -> None:
        """Add a row for each product that the event names."""
        at, values, quantities, prices = self.numbers
        text = self.texts.setdefault
        for one in interactions(event, currency=settings.SHOP_CURRENCY):
            self.persons.append(text(person, person))
            self.items.append(text(one.product_id, one.product_id))
            self.signals.append(one.signal)
            self.orders.append(text(one.order_id, one.order_id) if one.order_id else None)
            self.devices.append(text(device, device) if device else None)
            at.append(one.at / 1e6)
            values.append(one.value)
            quantities.append(one.quantity)
            prices.append(np.nan if one.price is None else one.price)

    def frame(self) -> pd.DataFrame:
        """Return the columns as a frame."""
        at, values, quantities, prices = (np.asarray(numbers, dtype=np.float64) for numbers in self.numbers)
        return pd.DataFrame(
            {
                "user_id": pd.Series(self.persons, dtype=object),
                "item_id": pd.Series(self.items, dtype=object),
                "timestamp": at,
                "event": pd.Series(self.signals, dtype=object),
                "value": values,
                "quantity": quantities,
                "price": prices,
                "order_id": pd.Series(self.orders, dtype=object),
                "device": pd.Series(self.devices, dtype=object),
            }
        )
