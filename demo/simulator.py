"""Simulated shoppers who visit a running installation over HTTP, at an open rate, and a tally of what they did.

A visit begins when it is due, however long others take: a slow product gets no fewer visits. The n-th visit of a seed
is the same shopper on the same device at the same placement.
"""

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import numpy as np

from common import clock
from common.ids import uuid7
from demo.datasets.simulated import SEED
from demo.simulation.behavior import Tastes
from demo.simulation.catalog import make_products
from demo.simulation.effects import Effects
from demo.simulation.shoppers import make_shoppers
from demo.simulation.visits import Reaction, VisitItems, Visitor, react, revenue_of
from demo.storefront import RequestFailed, Storefront

THREADS: Final = 16
MOST_WAITING_S: Final = 30.0
"""A visit that is so late is not made: its shopper is gone."""


@dataclass(slots=True)
class Tally:
    """What shoppers did at one placement, with answers of one kind.

    `expected` are clicks that the plant expects, `variance` is that of their sum. Only clicks and carts of shoppers who
    agreed to be counted are in `expected`, `variance`, `clicks` and `carts`; `measurable` are the answers they got.
    """

    answers: int = 0
    impressions: int = 0
    measurable: int = 0
    expected: float = 0.0
    variance: float = 0.0
    clicks: int = 0
    carts: int = 0
    orders: int = 0
    revenue: Decimal = Decimal(0)

    def add(self, answer: dict[str, Any], chances: Any, reaction: Reaction, *, is_counted: bool) -> None:
        """Add one answer."""
        self.answers += 1
        self.impressions += len(answer["items"])
        self.orders += len(reaction.orders)
        self.revenue += revenue_of(answer, reaction)
        if is_counted:
            self.measurable += 1
            self.expected += float(chances.sum())
            self.variance += float((chances * (1 - chances)).sum())
            self.clicks += len(reaction.clicks)
            self.carts += len(reaction.carts)


Tallies = dict[tuple[str, bool], Tally]
"""Tallies by placement and by whether the answer was personalized, as the pages of performance split them."""


@dataclass(slots=True)
class Outcome:
    """One run: its tallies, the visits made, those that failed or were too late, and the worst delay in seconds."""

    tallies: Tallies = field(default_factory=lambda: defaultdict(Tally))
    visits: int = 0
    failed: int = 0
    too_late: int = 0
    worst_delay_s: float = 0.0
    seconds: float = 0.0
    error: str = ""


class Simulator:
    """The shoppers. `placements` are visited in equal shares, each visit one of them."""

    def __init__(
        self, storefront: Storefront, *, placements: Sequence[str], shoppers: int, seed: int, effects: Effects
    ) -> None:
        self.storefront, self.placements, self.seed, self.effects = storefront, placements, seed, effects
        self.products = make_products(seed=SEED)
        self.shoppers = make_shoppers(shoppers, seed=SEED)
        self.tastes = Tastes(self.products)
        visits = np.array([shopper.visits for shopper in self.shoppers], float)
        self.shares = np.cumsum(visits) / visits.sum()
        self.name = uuid7().hex
        self.outcome = Outcome()
        self._devices: set[str] = set()
        self._likings: dict[str, dict[str, float]] = {}
        self._lock = threading.Lock()

    def run(self, *, per_minute: float, minutes: float, progress: Callable[[int], None] = lambda n: None) -> Outcome:
        """Make the visits and return what came of them."""
        due: queue.Queue[tuple[int, float] | None] = queue.Queue()
        threads = [threading.Thread(target=self._work, args=(due, progress), daemon=True) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        try:
            for number in range(round(per_minute * minutes)):
                at = began + number * 60 / per_minute
                time.sleep(max(0.0, at - time.monotonic()))
                due.put((number, at))
        finally:
            for _ in threads:
                due.put(None)
            for thread in threads:
                thread.join(2 * MOST_WAITING_S)
            self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def visit(self, number: int) -> None:
        """Make one visit. Raises RequestFailed."""
        rng = np.random.default_rng((self.seed, 6, number))
        shopper = self.shoppers[int(np.searchsorted(self.shares, rng.random(), side="right"))]
        visitor = Visitor(shopper, str(rng.choice(shopper.devices)))
        placement = self.placements[int(rng.integers(len(self.placements)))]
        items = VisitItems(visitor, f"{self.name}-{number}", clock.real_epoch_us())
        items.page()
        if visitor.device not in self._devices:
            # A new device's first answer comes after its decision, as on a page that waits for the banner.
            self.storefront.send(items.batch())
            self._devices.add(visitor.device)
        answer = self.storefront.recommend(placement, visitor.ids)
        chances = self.effects.click_chances(answer, self._liking(visitor))
        reaction = react(answer, chances, self.effects, rng)
        items.answer(answer, reaction)
        self.storefront.send(items.batch())
        with self._lock:
            tally = self.outcome.tallies[placement, bool(answer["personalized"])]
            tally.add(answer, chances, reaction, is_counted=visitor.is_counted)

    def _work(self, due: "queue.Queue[tuple[int, float] | None]", progress: Callable[[int], None]) -> None:
        while (task := due.get()) is not None:
            number, at = task
            delay_s = time.monotonic() - at
            error = ""
            if delay_s <= MOST_WAITING_S:
                try:
                    self.visit(number)
                except RequestFailed as failure:
                    error = str(failure)
                except (LookupError, TypeError, ValueError) as failure:  # an answer that breaks the contract
                    error = f"{type(failure).__name__}: {failure}"
            with self._lock:
                self._note(delay_s, error)
                progress(1)

    def _note(self, delay_s: float, error: str) -> None:
        outcome = self.outcome
        if delay_s > MOST_WAITING_S:
            outcome.too_late += 1
            return
        outcome.worst_delay_s = max(outcome.worst_delay_s, delay_s)
        if error:
            outcome.failed, outcome.error = outcome.failed + 1, outcome.error or error
        else:
            outcome.visits += 1

    def _liking(self, visitor: Visitor) -> dict[str, float]:
        """Return the planted log weights of products for a shopper, by product id."""
        user_id = visitor.shopper.user_id
        if user_id not in self._likings:
            weights = self.tastes.of(visitor.shopper).tolist()
            self._likings[user_id] = dict(zip((one.product_id for one in self.products), weights, strict=True))
        return self._likings[user_id]
