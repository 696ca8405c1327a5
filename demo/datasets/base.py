"""The common form of data sets: products for the catalog, and events as Segment items. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DemoData:
    """One data set, ready to be sent.

    `note` describes its origin on the screen. `products` are PUT bodies with their `product_id`. `items` are in time
    order; `n_items` is their number. `known_shopper` is a user id with a long history and consent. `rest_days` is the
    setting of the placement `home`.
    """

    name: str
    note: str
    products: Iterable[Item]
    n_products: int
    items: Iterable[Item]
    n_items: int
    known_shopper: str
    currency: str
    rest_days: int = 0
