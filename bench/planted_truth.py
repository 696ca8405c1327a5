"""Answers of `similar`, `bundle` and `cart` in the simulated shop, beside its planted substitutes and complements.

    make bench-planted-truth ARGS="--quick"

Trains on the simulated events and asks the serving code with the default placements, without a store. `--quick` fits
the sources with their default settings and trains no ranker. `hits` is the mean number of planted designs in the
answer. Variants of a design count as one, since an answer shows one of them; so do those of the oracle and the peers.
`of oracle` is their share of what the planted truth itself would reach.
`category` is the share of items in the category of the product (of a line of the cart). `price` is the share that costs
a third to three times as much (as a line). The interval is of our hits less those of the best peer, paired. Peers are
untuned: cosine of visits (co-visitation), shrunk log lift of orders, TF-IDF of texts and categories (content).
"""

import argparse
import importlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from demo.datasets.simulated import DAYS, SEED, SHOPPERS
from demo.simulation.behavior import DAY, Act, simulate
from demo.simulation.catalog import SimulatedProduct, make_products
from demo.simulation.shoppers import Shopper, make_shoppers
from demo.simulation.truth import PRICE_FACTOR, PlantedTruth
from recsys.data.dataset import Dataset, build
from recsys.metrics.intervals import bootstrap
from recsys.ranking.model import HybridModel
from recsys.training.plan import Plan, ranked_sources
from recsys.training.refit import refit
from recsys.training.training import refit_on_all, test_candidates, train

if TYPE_CHECKING:
    from catalog.records import ProductRow

SIZES = {"similar": 6, "bundle": 4, "cart": 6}
"""The number of items that are asked for; more than the planted ones would not tell good from bad."""
MOST_CARTS = 600
VISIT_GAP = 1_800.0
LEAST_ORDERS, SHRINK = 2, 5.0
HEADING = f"  {'':14} {'hits':>6} {'of oracle':>10} {'category':>9} {'price':>6}"
Scores = NDArray[np.float64]
Answerer = Callable[[str, Sequence[str]], list[str]]
"""Returns product ids, best first, from a placement and the ids of its context."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question to a placement and the planted answer, best first."""

    context: tuple[str, ...]
    planted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What one answerer reached on a placement: hits of each question, and shares of all its items."""

    hits: NDArray[np.float64]
    same_category: float
    price_in_proportion: float


@dataclass
class World:
    """The simulated shop: products, acts of shoppers who consented, planted truth."""

    n_shoppers: int
    seed: int
    end: float = field(default_factory=lambda: time.time() // DAY * DAY)
    """When the simulated period ends; answers are given now, so this is today."""

    @cached_property
    def products(self) -> list[SimulatedProduct]:
        """All products; those out of stock are no answer."""
        return make_products(seed=self.seed)

    @cached_property
    def shoppers(self) -> list[Shopper]:
        """All shoppers."""
        return make_shoppers(self.n_shoppers, seed=self.seed)

    @cached_property
    def acts(self) -> list[Act]:
        """The acts that may train a model, in time order."""
        acts = simulate(self.products, self.shoppers, end=self.end, days=DAYS, seed=self.seed)
        return [act for act in acts if self.shoppers[act.shopper].consent == "yes"]

    @cached_property
    def truth(self) -> PlantedTruth:
        """The planted relations."""
        return PlantedTruth(self.products)

    @cached_property
    def position(self) -> dict[str, int]:
        """The position of each product by its id."""
        return {product.product_id: at for at, product in enumerate(self.products)}

    def frame(self) -> pd.DataFrame:
        """Return the acts as rows of a training frame."""
        names = {"view": "view", "cart": "cart", "order": "purchase", "rating": "rating"}
        rows = [
            (
                f"user:{self.shoppers[act.shopper].user_id}", self.products[item].product_id, act.at,
                names[act.action], float(act.stars) if act.action == "rating" else np.nan,
                f"order-{number}" if act.action == "order" else None,
            )
            for number, act in enumerate(self.acts)
            if act.action in names
            for item in ([line.product for line in act.lines] or [act.product])
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "event", "value", "order_id"])

    def questions(self, placement: str) -> list[Question]:
        """Return the questions to a placement that have a planted answer in stock."""
        of: Callable[[Sequence[str]], tuple[str, ...]] = {
            "similar": lambda ids: self.truth.substitutes(ids[0]),
            "bundle": lambda ids: self.truth.complements(ids[0]),
            "cart": self.truth.cart_complements,
        }[placement]
        contexts = self._carts() if placement == "cart" else [(product.product_id,) for product in self.products]
        questions = [Question(ids, tuple(filter(self.in_stock, of(ids)))) for ids in contexts]
        return [question for question in questions if question.planted]

    def in_stock(self, product_id: str) -> bool:
        """Return whether the product can be bought."""
        return int(self.products[self.position[product_id]].data["stock"]) > 0

    def designs(self, product_ids: Sequence[str]) -> dict[str, str]:
        """Return the first product of each design, by the id of the design; in the given order."""
        first: dict[str, str] = {}
        for product_id in product_ids:
            first.setdefault(self.products[self.position[product_id]].group_id, product_id)
        return first

    def _carts(self) -> list[tuple[str, ...]]:
        """Return the first lines of orders, drawn by lot, as carts."""
        rng = np.random.default_rng((self.seed, 6))
        orders = [act.lines for act in self.acts if act.action == "order"]
        chosen_orders = rng.permutation(len(orders))[:MOST_CARTS].tolist()
        return [
            tuple(
                self.products[line.product].product_id for line in orders[at][: 1 + int(rng.integers(len(orders[at])))]
            )
            for at in chosen_orders
        ]


class Peer:
    """A table of scores of product by product; a context scores the sum of its rows."""

    def __init__(self, world: World, scores: Scores) -> None:
        self.world, self.scores = world, scores
        self.groups = np.array([product.group_id for product in world.products])
        self.out_of_stock = np.array([not world.in_stock(product.product_id) for product in world.products])

    def __call__(self, placement: str, context: Sequence[str]) -> list[str]:
        """Return one product of each design with a score above 0, without other colors of the context's."""
        lines = [self.world.position[product_id] for product_id in context]
        scores = self.scores[lines].sum(axis=0)
        scores[np.isin(self.groups, self.groups[lines]) | self.out_of_stock] = 0
        best = [self.world.products[at].product_id for at in np.argsort(-scores, kind="stable") if scores[at] > 0]
        return list(self.world.designs(best).values())[: SIZES[placement]]


def peers(world: World) -> dict[str, Peer]:
    """Return co-visitation, lift and content."""
    visits = _incidence(world, _visits(world))
    orders = _incidence(world, [[line.product for line in act.lines] for act in world.acts if act.action == "order"])
    return {
        "co-visitation": Peer(world, _cosine(visits)),
        "lift": Peer(world, _lift(orders)),
        "content": Peer(world, _content(world.products)),
    }


def _visits(world: World) -> list[list[int]]:
    """Return the products viewed in each visit."""
    visits: list[list[int]] = []
    latest: dict[int, float] = {}
    current: dict[int, list[int]] = {}
    for act in world.acts:
        if act.action != "view":
            continue
        if act.at - latest.get(act.shopper, -np.inf) > VISIT_GAP:
            visits.append(current.setdefault(act.shopper, []))
            current[act.shopper] = visits[-1] = []
        latest[act.shopper] = act.at
        current[act.shopper].append(act.product)
    return visits


def _incidence(world: World, sets: Sequence[Sequence[int]]) -> Any:
    """Return csr float64[n_sets, n_products], 1 where the set holds the product."""
    rows = np.repeat(np.arange(len(sets)), [len(own) for own in sets])
    columns = np.array([item for own in sets for item in own], np.int64)
    matrix = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(sets), len(world.products)))
    matrix.data[:] = 1
    return matrix


def _cosine(sets: Any) -> Scores:
    counts = np.maximum(np.asarray(sets.sum(axis=0)).ravel(), 1)
    return np.asarray((sets.T @ sets).toarray() / np.sqrt(np.outer(counts, counts)))


def _lift(sets: Any) -> Scores:
    counts = np.maximum(np.asarray(sets.sum(axis=0)).ravel(), 1)
    both = (sets.T @ sets).toarray()
    lift = np.log(np.maximum(both * sets.shape[0] / np.outer(counts, counts), 1))
    return np.asarray(np.where(both >= LEAST_ORDERS, lift * both / (both + SHRINK), 0))


def _content(products: Sequence[SimulatedProduct]) -> Scores:
    texts = [" ".join([product.data["title"], product.data["description"], *product.kind.path]) for product in products]
    vectors = TfidfVectorizer(sublinear_tf=True).fit_transform(texts)
    return np.asarray((vectors @ vectors.T).toarray())


def figures(world: World, placement: str, questions: Sequence[Question], answerer: Answerer) -> Figures:
    """Return what an answerer reaches on the questions of a placement."""
    categories, prices, hits = [], [], []
    for question in questions:
        answer = answerer(placement, question.context)[: SIZES[placement]]
        lines = [world.products[world.position[product_id]] for product_id in question.context]
        items = [world.products[world.position[product_id]] for product_id in answer]
        hits.append(len(world.designs(answer).keys() & world.designs(question.planted).keys()))
        categories += [any(item.kind.path == line.kind.path for line in lines) for item in items]
        prices += [any(_in_proportion(item, line) for line in lines) for item in items]
    return Figures(np.array(hits, np.float64), _share(categories), _share(prices))


def _share(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _in_proportion(item: SimulatedProduct, line: SimulatedProduct) -> bool:
    ratio = float(item.data["price"]) / float(line.data["price"])
    return 1 / PRICE_FACTOR <= ratio <= PRICE_FACTOR


def served(world: World, *, quick: bool) -> Answerer:
    """Return the answers of serving, with the default placements and a model trained on the world. Uses no store."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("SECRET_KEY", "only-for-measuring-" + "x" * 40)
    django.setup()
    from catalog.frames import items_frame
    from personalization.models import Placement
    from personalization.selectors.placements import config_of
    from personalization.serving.asking import Ask
    from personalization.serving.engine import answer
    from personalization.serving.snapshot import Snapshot

    rows = [_row(product, start=world.end - DAYS * DAY) for product in world.products]
    dataset = build(world.frame(), items_frame(rows), explicit_ratings=True)
    print(f"training on {len(dataset)} interactions", flush=True)
    defaults = importlib.import_module("personalization.migrations.0002_default_placements").DEFAULTS
    snapshot = Snapshot.build(
        bundle=_sources_alone(dataset) if quick else _released(dataset),
        model_version=None,
        rows=rows,
        placements={row["key"]: config_of(Placement(**row)) for row in defaults},
        rules=[],
        now=datetime.now(UTC),
    )

    def answer_of(placement: str, context: Sequence[str]) -> list[str]:
        ask = Ask(placement, product_ids=tuple(context), limit=SIZES[placement], personalized=False)
        return [item.product_id for item in answer(snapshot, ask).items]

    return answer_of


def _released(dataset: Dataset) -> HybridModel:
    """Return the model that the pipeline would release."""
    training = train(dataset)
    candidates = test_candidates(training.model, training.folds.test)
    return refit_on_all(training, dataset, candidates.dataset(seed=training.plan.seed), manifest={})


def _sources_alone(dataset: Dataset) -> HybridModel:
    """Return a model of all sources with their default settings, without a ranker."""
    rows, names = dataset.interactions, ranked_sources()
    plan = Plan({}, dict.fromkeys(names, 20), dict.fromkeys(names, 1.0), single="covisitation", stage="single")
    return refit(plan, rows, dataset.catalog, [], until=float(rows.times[-1]), unranked=True)


def _row(product: SimulatedProduct, *, start: float) -> "ProductRow":
    from catalog.records import ProductRow

    first_seen = start + DAY * (product.arrives * DAYS if product.arrives else -30)
    compare_at = product.data["compare_at_price"]
    return ProductRow(
        **{
            **product.data,
            "product_id": product.product_id,
            "category": tuple(product.kind.path),
            "price": Decimal(product.data["price"]),
            "compare_at_price": None if compare_at is None else Decimal(compare_at),
            "cost": Decimal(product.data["cost"]),
            "first_seen": datetime.fromtimestamp(first_seen, UTC),
            "removed": False,
        }
    )


def report(world: World, answerers: Mapping[str, Answerer]) -> list[str]:
    """Return the table as lines; the first answerer is compared with the best of the others."""
    lines = []
    for placement, size in SIZES.items():
        questions = world.questions(placement)
        oracle = figures(world, placement, questions, _oracle(world, questions))
        results = {name: figures(world, placement, questions, answerer) for name, answerer in answerers.items()}
        lines += [
            "",
            f"{placement}: {len(questions)} questions, {size} items",
            HEADING,
            _line("oracle", oracle, oracle),
        ]
        lines += [_line(name, own, oracle) for name, own in results.items()]
        ours, *others = results.values()
        if others:
            gap = bootstrap(ours.hits - max(others, key=lambda one: one.hits.mean()).hits)
            lines.append(f"  ours less the best peer {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]")
    return lines


def _oracle(world: World, questions: Sequence[Question]) -> Answerer:
    planted = {question.context: list(world.designs(question.planted).values()) for question in questions}
    return lambda _, context: planted[tuple(context)]


def _line(name: str, own: Figures, oracle: Figures) -> str:
    share = own.hits.mean() / oracle.hits.mean()
    return f"  {name:14} {own.hits.mean():6.3f} {share:10.3f} {own.same_category:9.3f} {own.price_in_proportion:6.3f}"


def main() -> None:
    """Train and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shoppers", type=int, default=SHOPPERS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--quick", action="store_true", help="default settings, no ranker")
    options = parser.parse_args()
    world = World(options.shoppers, options.seed)
    answerers: dict[str, Answerer] = {"ours": served(world, quick=options.quick), **peers(world)}
    print("\n".join(report(world, answerers)))


if __name__ == "__main__":
    main()
