"""The planted relations of products: which replace each other, and which complete another one. Pure.

Shoppers of `demo.simulation.behavior` act on them. Tests and benchmarks compare answers with them. Nothing of them is
written to the catalog or to an event, so no training can read them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final

import numpy as np
from numpy.typing import NDArray

from demo.simulation.catalog import SimulatedProduct
from demo.simulation.vocabulary import COMPLEMENT_KINDS

MOST_SUBSTITUTES: Final = 6
PRICE_FACTOR: Final = 3.0
"""A substitute or complement costs at most this many times as much, and at least this part."""
SAME_LEVEL: Final = 0.2
"""Complements may differ more if their price levels do not: an expensive table has expensive chairs."""
STYLE_DISTANCE: Final = 0.5
"""Another style counts as much as a price that differs by the factor e^0.5."""
Positions = NDArray[np.int64]


@dataclass(slots=True)
class PlantedTruth:
    """The substitutes and complements of every product, by product id, the best first.

    Substitutes serve the same need: other designs of the same kind, nearest in style and price. Complements are the
    products of the same style, of the kinds that go with a product; so the relation is symmetric. Prices are in
    proportion, or on the same level of their kinds.
    """

    products: Sequence[SimulatedProduct]
    substitute_positions: list[Positions] = field(init=False)
    """For each product: the positions of its substitutes."""
    complement_positions: list[list[Positions]] = field(init=False)
    """For each product: the positions of its complements, one array for each kind that goes with it."""
    _position: dict[str, int] = field(init=False)
    _rivals: list[frozenset[int]] = field(init=False)

    def __post_init__(self) -> None:
        self._position = {product.product_id: at for at, product in enumerate(self.products)}
        columns = _Columns(self.products)
        self.substitute_positions = [columns.substitutes(at) for at in range(len(self.products))]
        self.complement_positions = [list(columns.complements(at)) for at in range(len(self.products))]
        rivals: list[set[int]] = [set(columns.variants(at).tolist()) for at in range(len(self.products))]
        for at, others in enumerate(self.substitute_positions):
            rivals[at].update(others.tolist())
            for other in others.tolist():
                rivals[other].add(at)
        self._rivals = [frozenset(others) for others in rivals]

    def substitutes(self, product_id: str) -> tuple[str, ...]:
        """Return the ids of at most six substitutes. Raises KeyError for an unknown product."""
        return self._ids(self.substitute_positions[self._position[product_id]].tolist())

    def complements(self, product_id: str) -> tuple[str, ...]:
        """Return the ids of the complements, kinds in turn. Raises KeyError for an unknown product."""
        by_kind = [positions.tolist() for positions in self.complement_positions[self._position[product_id]]]
        return self._ids([at for row in zip_longest(*by_kind) for at in row if at is not None])

    def cart_complements(self, product_ids: Sequence[str]) -> tuple[str, ...]:
        """Return the complements of a cart: those of its lines in turn, without what a line already provides."""
        lines = [self._position[product_id] for product_id in product_ids]
        by_line = [[self._position[other] for other in self.complements(line)] for line in product_ids]
        in_turn = dict.fromkeys(at for row in zip_longest(*by_line) for at in row if at is not None)
        return self._ids([at for at in in_turn if at not in lines and not self.rivals(at).intersection(lines)])

    def rivals(self, position: int) -> frozenset[int]:
        """Return the positions of products that nobody buys in one order with this one: variants and substitutes."""
        return self._rivals[position]

    def _ids(self, positions: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.products[at].product_id for at in positions)


class _Columns:
    """The products as columns."""

    def __init__(self, products: Sequence[SimulatedProduct]) -> None:
        self.products = products
        self.kind = np.array([product.kind.key for product in products])
        self.style = np.array([product.style for product in products])
        self.level = np.array([product.level for product in products])
        self.group = np.array([product.group_id for product in products])
        self.price = np.log([float(product.data["price"]) for product in products])

    def variants(self, at: int) -> Positions:
        """Return the other colors of the same design."""
        return np.setdiff1d(np.flatnonzero(self.group == self.group[at]), [at])

    def substitutes(self, at: int) -> Positions:
        """Return other designs of the same kind, nearest in price and style first."""
        same_need = (self.kind == self.kind[at]) & (self.group != self.group[at])
        distance = np.abs(self.price - self.price[at]) + STYLE_DISTANCE * (self.style != self.style[at])
        return _nearest(distance, same_need & self._in_proportion(at), MOST_SUBSTITUTES)

    def complements(self, at: int) -> Iterator[Positions]:
        """Yield, for each kind that goes with a product, those of its style, the nearest price level first."""
        distance = np.abs(self.level - self.level[at])
        fitting = (self.style == self.style[at]) & (self._in_proportion(at) | (distance <= SAME_LEVEL))
        for key in COMPLEMENT_KINDS[self.products[at].kind.key]:
            yield _nearest(distance, fitting & (self.kind == key), len(self.products))

    def _in_proportion(self, at: int) -> NDArray[np.bool_]:
        return np.asarray(np.abs(self.price - self.price[at]) <= np.log(PRICE_FACTOR))


def _nearest(distance: NDArray[np.float64], mask: NDArray[np.bool_], most: int) -> Positions:
    among: Positions = np.flatnonzero(mask)
    return among[np.argsort(distance[among], kind="stable")[:most]]
