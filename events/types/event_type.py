"""The declaration of an event type. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from common.errors import FieldError
from events.types.base import Event, Interaction, Signal
from events.types.fields import AnyField
from events.types.products import ProductLine, line_of, lines_of, text

Purpose = Literal["essential", "analytics", "personalization", "experiments"]
Reader = Callable[[Event], list[Interaction]]


@dataclass(frozen=True, slots=True)
class EventType:
    """One event type: canonical name, purpose, fields, and how to read its interactions.

    `purpose` is the consent purpose that the event needs (`essential`: none). Live profiles and training share
    `interactions`. Names with `server_only` are refused from clients.
    """

    name: str
    summary: str
    purpose: Purpose = "analytics"
    fields: tuple[AnyField, ...] = ()
    reader: Reader | None = None
    server_only: bool = False

    def validate(self, properties: Mapping[str, Any]) -> list[FieldError]:
        """Return the errors of the properties; unknown names are always allowed."""
        return [error for field in self.fields for error in field.errors(properties)]

    def interactions(self, event: Event) -> list[Interaction]:
        """Return the event's interactions, in the order of its products. Never raises on odd input."""
        return self.reader(event) if self.reader else []


def one_product(signal: Signal) -> Reader:
    """Return a reader of the product on the properties."""

    def read(event: Event) -> list[Interaction]:
        line = line_of(event.properties)
        return [interaction(event, signal, line)] if line else []

    return read


def each_product(signal: Signal) -> Reader:
    """Return a reader of each product in the list."""
    return lambda event: [interaction(event, signal, line) for line in lines_of(event.properties)]


def interaction(event: Event, signal: Signal, line: ProductLine, *, value: float = 1.0) -> Interaction:
    """Return one interaction of the event with one of its products."""
    return Interaction(
        message_id=event.message_id,
        at=event.at,
        signal=signal,
        product_id=line.product_id,
        quantity=float(line.quantity),
        price=None if line.price is None else float(line.price),
        value=value,
        order_id=text(event.properties.get("order_id")),
        recommendation_id=line.list_id,
    )
