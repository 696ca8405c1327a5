"""The visits of the simulated history to the home page, and what its list showed them in each arm. Pure.

No model existed then. So the hybrid's list is drawn by the planted taste of its shopper, and the popular one is that of
everybody. Which of both a visit saw changes the number of clicks by the planted lift, and nothing else of the history:
carts and orders stay those of the shopper.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np

from demo.simulation.behavior import DAY, Act, Tastes
from demo.simulation.catalog import SimulatedProduct
from demo.simulation.effects import Effects
from demo.simulation.shoppers import Shopper
from demo.simulation.visits import Item, VisitItems, Visitor, react

HYBRID, POPULAR = "hybrid", "popular"
REASONS: Final = {HYBRID: "because_viewed", POPULAR: "popular"}
AFTER_PAGE_US: Final = 500_000
"""How long after the view of the page its list is served."""
ONLY_CLICKS: Final = Effects(cart_share=0.0)


@dataclass(frozen=True, slots=True)
class HomeList:
    """The list that one visit saw, at microseconds since the epoch, and the items about what became of it."""

    at: int
    message_id: str
    answer: Item
    items: tuple[Item, ...]


@dataclass(slots=True)
class HomeVisits:
    """The visits of shoppers who agreed to be counted. `end` is that of the history, `days` its length."""

    products: Sequence[SimulatedProduct]
    shoppers: Sequence[Shopper]
    acts: Sequence[Act]
    end: datetime
    days: int
    seed: int
    tastes: Tastes = field(init=False)

    def __post_init__(self) -> None:
        self.tastes = Tastes(self.products)

    def since(self, start: datetime) -> Iterator[tuple[int, Act]]:
        """Yield the visits from `start` on in time order, each with its number, which is the same for a seed."""
        for number, act in enumerate(self.acts):
            is_counted = self.shoppers[act.shopper].consent == "yes"
            if act.action == "visit" and is_counted and act.at >= start.timestamp():
                yield number, act

    def visitor(self, act: Act) -> Visitor:
        """Return who came: a shopper is known only after a login on the device. Consent was sent before."""
        shopper = self.shoppers[act.shopper]
        return Visitor(replace(shopper, registers=act.logged_in, consent="none"), shopper.devices[act.device])

    def list_for(self, number: int, act: Act, strategy: str, *, size: int) -> HomeList:
        """Return what a visit saw and did with a list of `size` products that a strategy made."""
        rng = np.random.default_rng((self.seed, 8, number))
        at = round(act.at * 1e6) + AFTER_PAGE_US
        positions = self._list(act, strategy, rng)[:size]
        answer = {
            "recommendation_id": str(_answer_id(at, number)),
            "strategy": strategy,
            "personalized": True,
            "items": [self._line(int(one), place, strategy) for place, one in enumerate(positions, 1)],
        }
        weights = self.tastes.of(self.shoppers[act.shopper])
        liking = {self.products[one].product_id: float(weights[one]) for one in positions}
        reaction = react(answer, ONLY_CLICKS.click_chances(answer, liking), ONLY_CLICKS, rng)
        name = f"simulated-{self.seed}-home-{number}"
        visit = VisitItems(self.visitor(act), name, at)
        visit.answer(answer, reaction)
        return HomeList(at, name, answer, tuple(visit.items))

    def _list(self, act: Act, strategy: str, rng: np.random.Generator) -> Sequence[int]:
        """Return the positions of products on sale, the best first."""
        start = self.end.timestamp() - self.days * DAY
        arrives = self.tastes.arrives
        on_sale = (arrives <= 0) | (start + arrives * self.days * DAY <= act.at)
        liking = self.tastes.appeal
        if strategy == HYBRID:
            # With this noise a list is drawn as views are: the same shopper does not see the same list each time.
            liking = self.tastes.of(self.shoppers[act.shopper]) + rng.gumbel(size=len(self.products))
        order: list[int] = np.argsort(-np.where(on_sale, liking, -np.inf), kind="stable")[: on_sale.sum()].tolist()
        return order

    def _line(self, at: int, place: int, strategy: str) -> dict[str, Any]:
        product = self.products[at]
        return {
            "product_id": product.product_id,
            "position": place,
            "title": product.data["title"],
            "price": product.data["price"],
            "reason": {"code": REASONS[strategy]},
        }


def _answer_id(at_us: int, number: int) -> UUID:
    """Return a UUIDv7 of this time: pages sort answers by their ids."""
    return UUID(int=(at_us // 1000) << 80 | 0x7 << 76 | 0x2 << 62 | number)
