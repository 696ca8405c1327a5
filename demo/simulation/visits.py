"""One visit of a simulated shopper: the items that a shop's code sends about an answer. Pure.

Event names and fields are those of the storefront contract: a shown list, each click, cart and order line names the
answer by `list_id`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from demo.simulation.effects import Effects
from demo.simulation.payloads import LIBRARY, PURPOSES
from demo.simulation.shoppers import Shopper

Item = dict[str, Any]
STEP_US: Final = 10
"""The time between two events of a visit; a server that gets them together sees their order.

A visit sends them at once. With longer steps its first click would stand before the answer that it is about.
"""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A shopper on one device. `registers` shoppers are logged in."""

    shopper: Shopper
    device: str

    @property
    def ids(self) -> dict[str, str]:
        """Return the ids as parameters of a request."""
        user = {"user_id": self.shopper.user_id} if self.shopper.registers else {}
        return {"anonymous_id": self.device, **user}

    @property
    def is_counted(self) -> bool:
        """Return whether clicks of this shopper may be recorded; orders always are."""
        return self.shopper.consent == "yes"


@dataclass(frozen=True, slots=True)
class Reaction:
    """What became of an answer: positions in its list that were clicked, put into the cart, and bought."""

    clicks: tuple[int, ...] = ()
    carts: tuple[int, ...] = ()
    orders: tuple[int, ...] = ()


def react(
    answer: Mapping[str, Any], chances: NDArray[np.float64], effects: Effects, rng: np.random.Generator
) -> Reaction:
    """Return what a shopper does with an answer; each item is clicked with its own chance."""
    clicks = np.flatnonzero(rng.random(len(chances)) < chances)
    carts = clicks[rng.random(len(clicks)) < effects.cart_share]
    carts = np.array([at for at in carts if answer["items"][at].get("price") is not None], np.int64)
    orders = carts if len(carts) and rng.random() < effects.order_share else carts[:0]
    return Reaction(tuple(clicks.tolist()), tuple(carts.tolist()), tuple(orders.tolist()))


def revenue_of(answer: Mapping[str, Any], reaction: Reaction) -> Decimal:
    """Return the revenue of the order, in the shop's currency."""
    return sum((Decimal(answer["items"][at]["price"]) for at in reaction.orders), Decimal(0))


@dataclass(slots=True)
class VisitItems:
    """Collects the items of one visit. `key` begins their message ids, so that a repeated request counts once."""

    visitor: Visitor
    key: str
    started_us: int
    items: list[Item] = field(default_factory=list)

    def page(self) -> None:
        """Add the view of the home page, with the answer to the consent banner."""
        self._add({"type": "page", "name": "Home", "properties": {"path": "/shop/"}})

    def answer(self, answer: Mapping[str, Any], reaction: Reaction) -> None:
        """Add the view of the list, and what became of it."""
        list_id, items = answer["recommendation_id"], answer["items"]
        products = [{"product_id": item["product_id"], "position": item["position"]} for item in items]
        self._track("Product List Viewed", {"list_id": list_id, "products": products})
        for at in reaction.clicks:
            self._track("Product Clicked", {**_line(items[at], list_id), "position": items[at]["position"]})
            self._track("Product Viewed", _line(items[at], list_id))
            if at in reaction.carts:
                self._track("Product Added", _line(items[at], list_id))
        if reaction.orders:
            revenue = str(revenue_of(answer, reaction))
            self._track(
                "Order Completed",
                {
                    "order_id": f"{self.key}-order",
                    "currency": items[reaction.orders[0]]["currency"],
                    "revenue": revenue,
                    "total": revenue,
                    "products": [_line(items[at], list_id) for at in reaction.orders],
                },
            )

    def batch(self) -> Item:
        """Return the body of one request to `/v1/batch` with the items so far, and begin the next."""
        body = {"batch": self.items, "sentAt": _iso(self.started_us + STEP_US * len(self.items))}
        self.started_us += STEP_US * (len(self.items) + 1)
        self.items = []
        return body

    def _track(self, event: str, properties: Item) -> None:
        self._add({"type": "track", "event": event, "properties": properties})

    def _add(self, item: Item) -> None:
        shopper, at = self.visitor.shopper, self.started_us + STEP_US * len(self.items)
        context: Item = {"library": {"name": LIBRARY}}
        if shopper.consent != "none":
            context["consent"] = {"categoryPreferences": dict.fromkeys(PURPOSES, shopper.consent == "yes")}
        ids = {"anonymousId": self.visitor.device, **({"userId": shopper.user_id} if shopper.registers else {})}
        number = f"{self.key}-{at}"
        self.items.append({"messageId": number, "originalTimestamp": _iso(at), "context": context, **ids, **item})


def _line(item: Mapping[str, Any], list_id: str) -> Item:
    price = {"price": item["price"]} if item.get("price") is not None else {}
    return {"product_id": item["product_id"], "name": item["title"], "quantity": 1, "list_id": list_id, **price}


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat()
