"""The common form of data sets: products for the catalog, and events as Segment items. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from demo.simulation.home_visits import HomeVisits

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DemoData:
    """One data set, ready to be sent.

    `note` describes its origin on the screen. `products` are PUT bodies with their `product_id`. `items` are in time
    order; `n_items` is their number. `known_shopper` is a user id with a long history and consent. `rest_days` is the
    setting of the placement `home`. `home_visits` are what the demo's experiment is about; None: there is none.
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
    home_visits: HomeVisits | None = None
