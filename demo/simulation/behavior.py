"""The behavior of simulated shoppers: visits, views, carts, orders, ratings. Pure, and the same for the same seed.

A view is drawn with probability proportional to exp(appeal + style + room + budget fit + trend), so a model can recover
the tastes. After a view comes often a planted substitute: the shopper compares, and buys at most one of them. A cart
item brings planted complements. Buyers of a consumable come back for it; owners of a durable product hardly view it
again. Shoppers see only products on sale, and new products become known over days.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from demo.simulation.catalog import SimulatedProduct
from demo.simulation.shoppers import Shopper
from demo.simulation.truth import PlantedTruth, Positions
from demo.simulation.vocabulary import KIND_BY_KEY, ROOMS

DAY: Final = 86_400.0
STYLE_PULL, ROOM_PULL, BUDGET_PULL = 3.2, 1.6, 6.0
SAME_KIND, SAME_ROOM = 9.0, 4.0
OWNED_PENALTY = 4.0
P_COMPARE, P_COMPLEMENT = 0.4, 0.45
P_CART, P_ORDER, P_AGAIN, P_RATING = 0.17, 0.55, 0.75, 0.3
MEAN_LOOKS = 3.6
AWARENESS_DAYS, FIRST_AWARENESS = 10.0, 0.03
"""Days until all shoppers know a new product, and the share that know it on its first day."""

Action = Literal["visit", "list", "view", "cart", "remove", "order", "rating", "login"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order: product position and units."""

    product: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Act:
    """One action of a shopper at `at` (seconds since the epoch). Fields of other actions have their defaults."""

    at: float
    shopper: int
    device: int
    action: Action
    logged_in: bool
    product: int = -1
    quantity: int = 1
    stars: int = 0
    category: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()


@dataclass(slots=True)
class Tastes:
    """The products as columns, and each shopper's taste for them."""

    products: Sequence[SimulatedProduct]
    style: NDArray[np.int64] = field(init=False)
    room: NDArray[np.int64] = field(init=False)
    kind: NDArray[np.str_] = field(init=False)
    level: NDArray[np.float64] = field(init=False)
    appeal: NDArray[np.float64] = field(init=False)
    trend: NDArray[np.float64] = field(init=False)
    arrives: NDArray[np.float64] = field(init=False)
    truth: PlantedTruth = field(init=False)

    def __post_init__(self) -> None:
        self.style = np.array([product.style for product in self.products])
        self.room = np.array([ROOMS.index(product.kind.room) for product in self.products])
        self.kind = np.array([product.kind.key for product in self.products])
        self.level = np.array([product.level for product in self.products])
        self.appeal = np.array([product.appeal for product in self.products])
        self.trend = np.array([product.trend for product in self.products])
        self.arrives = np.array([product.arrives for product in self.products])
        self.truth = PlantedTruth(self.products)

    def of(self, shopper: Shopper) -> NDArray[np.float64]:
        """Return the log weight of every product for one shopper."""
        fit = STYLE_PULL * shopper.styles[self.style] + ROOM_PULL * shopper.rooms[self.room]
        return np.asarray(self.appeal + fit - BUDGET_PULL * (self.level - shopper.budget) ** 2)


class ShopperSimulation:
    """The simulation of one shopper, in time order."""

    def __init__(self, number: int, shopper: Shopper, tastes: Tastes, *, start: float, days: int, seed: int) -> None:
        self.number, self.shopper, self.tastes = number, shopper, tastes
        self.start, self.end = start, start + days * DAY
        self.rng = np.random.default_rng((seed, 3, number))
        self.liking = tastes.of(shopper)
        self.on_sale = np.where(tastes.arrives > 0, self.start + tastes.arrives * days * DAY, -np.inf)
        self.logged_in: set[int] = set()
        self.owned: list[int] = []
        self.calls: list[tuple[float, int]] = []

    def acts(self) -> Iterator[Act]:
        """Yield all actions of the shopper before the end."""
        for at in sorted(self._visit_times()):
            heapq.heappush(self.calls, (at, -1))
        while self.calls:
            at, again = heapq.heappop(self.calls)
            if at < self.end - 3600:
                yield from self._session(at, again)

    def _visit_times(self) -> NDArray[np.float64]:
        """Return visit times: the shop grows slowly, and most visits are in the evening."""
        days = np.sort(self.rng.beta(1.25, 1.0, self.shopper.visits)) * (self.end - self.start) / DAY
        hours = np.clip(self.rng.normal(19.0, 3.2, self.shopper.visits), 6, 23.5)
        return np.asarray(self.start + np.floor(days) * DAY + hours * 3600)

    def _session(self, at: float, again: int) -> Iterator[Act]:
        device = int(self.rng.integers(len(self.shopper.devices)))
        yield self._act(at, device, "visit")
        cart: list[int] = []
        for at, action, product in self._looks(at, again, cart):  # noqa: B020 (the clock moves on)
            yield self._act(
                at, device, action, product=product, category=self._path(product) if action == "list" else ()
            )
        if self.shopper.registers and device not in self.logged_in and (cart or self.rng.random() < 0.5):
            self.logged_in.add(device)
            yield self._act(at + 20, device, "login")
        if cart and (again >= 0 or self.rng.random() < P_ORDER):
            yield from self._order(at + 120, device, cart)

    def _looks(self, at: float, again: int, cart: list[int]) -> Iterator[tuple[float, Action, int]]:
        """Yield the views and carts of one visit; `again` is a product to buy again, or -1."""
        if again >= 0:
            cart.append(again)
            yield at + 15, "view", again
            yield at + 40, "cart", again
        last = again
        for look in range(int(self.rng.poisson(MEAN_LOOKS)) + (again < 0)):
            at += float(self.rng.gamma(2.0, 25.0))
            product = self._pick(at, last)
            if look == 0 and self.rng.random() < 0.4:
                yield at - 8, "list", product
            yield at, "view", product
            last = product
            if self._fits(product, cart) and self.rng.random() < P_CART:
                for item in (product, *self._complements(at, product)):
                    if self._fits(item, cart):
                        cart.append(item)
                        yield at + 12 + len(cart), "cart", item

    def _fits(self, product: int, cart: Sequence[int]) -> bool:
        """Return whether the cart holds neither the product nor what replaces it."""
        return product not in cart and not self.tastes.truth.rivals(product).intersection(cart)

    def _pick(self, at: float, last: int) -> int:
        """Return the next viewed product: often a substitute of the last one, whose kind and room weigh more anyway."""
        weight = self._liking(at) + self.tastes.trend * ((at - self.start) / (self.end - self.start) - 0.5)
        if last < 0:
            return self._draw(weight)
        if self.rng.random() < P_COMPARE:
            substitute = self._draw_among(self.tastes.truth.substitute_positions[last], weight)
            if substitute >= 0:
                return substitute
        weight = weight + np.log(SAME_KIND) * (self.tastes.kind == self.tastes.kind[last])
        weight = weight + np.log(SAME_ROOM) * (self.tastes.room == self.tastes.room[last])
        return self._draw(np.where(np.arange(len(weight)) == last, -np.inf, weight))

    def _liking(self, at: float) -> NDArray[np.float64]:
        """Return the log weight of every product on sale, scaled by awareness; -inf for the others."""
        days = (at - self.on_sale) / DAY
        awareness = np.clip(days / AWARENESS_DAYS, FIRST_AWARENESS, 1.0)
        return np.asarray(np.where(days >= 0, self.liking + np.log(awareness), -np.inf))

    def _complements(self, at: float, product: int) -> Iterator[int]:
        """Yield complements of a product: with a chance, one of each kind that goes with it; nothing owned already."""
        liking = self._liking(at)
        for positions in self.tastes.truth.complement_positions[product]:
            if self.rng.random() < P_COMPLEMENT:
                complement = self._draw_among(np.setdiff1d(positions, self.owned), liking)
                if complement >= 0:
                    yield complement

    def _draw_among(self, positions: Positions, weight: NDArray[np.float64]) -> int:
        """Return one of the positions by its weight, or -1 if none of them is on sale."""
        on_sale = positions[np.isfinite(weight[positions])]
        return int(on_sale[self._draw(weight[on_sale])]) if len(on_sale) else -1

    def _draw(self, weight: NDArray[np.float64]) -> int:
        chances = np.cumsum(np.exp(weight - weight.max()))
        return int(np.searchsorted(chances, self.rng.random() * chances[-1]))

    def _order(self, at: float, device: int, cart: list[int]) -> Iterator[Act]:
        lines = tuple(Line(item, self._units(item)) for item in dict.fromkeys(cart))
        yield self._act(at, device, "order", lines=lines)
        for line in lines:
            interval = KIND_BY_KEY[str(self.tastes.kind[line.product])].again_days
            if interval and self.rng.random() < P_AGAIN:
                wait = interval * DAY * float(self.rng.lognormal(0, 0.18))
                heapq.heappush(self.calls, (at + wait, line.product))
            if not interval:
                self.liking[line.product] -= OWNED_PENALTY
                self.owned.append(line.product)
            if self.rng.random() < P_RATING:
                yield from self._rating(at, device, line.product)

    def _units(self, product: int) -> int:
        multiple = str(self.tastes.kind[product]) in ("dining-chair", "cushion", "mug", "candle", "bulb", "towel")
        return int(self.rng.choice((1, 2, 4, 6), p=(0.3, 0.35, 0.25, 0.1))) if multiple else 1

    def _rating(self, at: float, device: int, product: int) -> Iterator[Act]:
        """Yield the rating of a product; a preferred style is rated higher, independent of popularity."""
        taste = 2.6 + 2.2 * float(self.shopper.styles[self.tastes.style[product]] > 0.3)
        stars = int(np.clip(round(taste + 0.35 * float(self.tastes.appeal[product]) + self.rng.normal(0, 0.7)), 1, 5))
        when = at + float(self.rng.uniform(2, 9)) * DAY
        if when < self.end:
            yield self._act(when, device, "rating", product=product, stars=stars)

    def _path(self, product: int) -> tuple[str, ...]:
        return self.tastes.products[product].kind.path

    def _act(
        self, at: float, device: int, action: Action, *, product: int = -1, stars: int = 0,
        category: tuple[str, ...] = (), lines: tuple[Line, ...] = (),
    ) -> Act:  # fmt: skip
        logged_in = device in self.logged_in
        return Act(at, self.number, device, action, logged_in, product, 1, stars, category, lines)


def simulate(
    products: Sequence[SimulatedProduct], shoppers: Sequence[Shopper], *, end: float, days: int = 90, seed: int
) -> list[Act]:
    """Return the actions of all shoppers in the `days` before `end`, in time order."""
    tastes = Tastes(products)
    lives = (
        ShopperSimulation(number, shopper, tastes, start=end - days * DAY, days=days, seed=seed)
        for number, shopper in enumerate(shoppers)
    )
    return sorted((act for life in lives for act in life.acts()), key=lambda act: (act.at, act.shopper))
