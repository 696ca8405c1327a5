"""The form of every data set: products for the catalog, and events as Segment items. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DemoData:
    """One data set, ready to be sent in.

    `note` says where it comes from, and is shown. `products` are PUT bodies with their `product_id`. `items` are in
    time order; `n_items` is their number. `known_shopper` is a user id with a rich history and consent. `rest_days` is
    how long the placement `home` leaves out bought products.
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
