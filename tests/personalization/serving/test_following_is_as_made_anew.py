"""Whatever is done to products, rules and time, a state that followed is the state that would be made anew."""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from catalog.records import ProductRow
from personalization.ranking.bundle import Bundle
from personalization.ranking.rules import Rule
from personalization.selectors.placements import Filters
from personalization.serving.snapshot import Snapshot
from tests.personalization.shop import PRODUCTS, model

NOW = datetime(2026, 7, 1, tzinfo=UTC)
STEPS = 40
FILTERS = (
    Filters(min_price=Decimal(40)),
    Filters(category=("Furniture",)),
    Filters(brand=("Nord",)),
    Filters(in_stock=True),
)
WORDS: dict[str, tuple[Any, ...]] = {
    "title": ("Oak desk", "Wool rug", "Blue mug"),
    "category": (("Furniture", "Desks"), ("Furniture", "Chairs"), ("Light",), ("New", "Deep"), ()),
    "brand": ("Nord", "nord", "Lux", ""),
    "price": (None, Decimal(30), Decimal(90), Decimal(400)),
    "currency": ("EUR", "EUR", "USD"),
    "stock": (None, 0, 1, 100),
    "group_id": ("", "", "one", "other"),
    "attributes": ({}, {"color": "red"}, {"color": ["red", "blue"]}),
    "available_from": (None, None, NOW - timedelta(days=9), NOW + timedelta(hours=9), NOW + timedelta(hours=40)),
    "active": (True, True, True, False),
    "removed": (False, False, False, True),
}


@pytest.fixture(scope="module")
def bundles() -> list[Bundle | None]:
    return [None, model(), model(("popular", "rp3beta", "content", "new_arrivals"))]


def put(product_id: str, chance: random.Random) -> ProductRow:
    """Return a product of which everything is drawn."""
    fixed: dict[str, Any] = {
        "product_id": product_id,
        "description": "",
        "compare_at_price": None,
        "cost": None,
        "url": "",
    }
    drawn = {name: chance.choice(values) for name, values in WORDS.items()}
    return shown(ProductRow(**fixed, **drawn, image_url="", first_seen=NOW))


def edited(row: ProductRow, chance: random.Random) -> ProductRow:
    """Return the product with some of it drawn again."""
    names = chance.sample(sorted(WORDS), chance.choice((1, 1, 2, 3)))
    return shown(replace(row, **{name: chance.choice(WORDS[name]) for name in names}))


def shown(row: ProductRow) -> ProductRow:
    """Return the product as the catalogue's selector would tell it."""
    first_seen = row.available_from or NOW - timedelta(days=len(row.product_id))
    return replace(row, active=row.active and not row.removed, first_seen=first_seen)


def ruled(chance: random.Random) -> list[Rule]:
    """Return some rules, of the same few ids and versions again and again."""
    return [
        Rule(
            id=number,
            version=1,
            name="",
            effect=chance.choice(("exclude", "require", "boost")),
            context_categories=chance.choice(((), ("Light",))),
            context_products=chance.choice(((), ("mug", "new-3"))),
            brands=chance.choice(((), ("nord",))),
            products=chance.choice(((), ("desk", "new-1"))),
            min_price=chance.choice((None, 50.0)),
            max_stock=chance.choice((None, 6)),
        )
        for number in chance.sample(range(6), 4)
    ]


def arrays_of(snapshot: Snapshot) -> Iterable[tuple[str, Any]]:
    """Yield everything that an answer looks at, by name."""
    shelf, columns, survey = snapshot.shelf, snapshot.shelf.columns, snapshot.survey
    yield from {"on_sale": snapshot.on_sale, "popular": snapshot.popular, "pool": survey.pool}.items()
    yield from {f"shelf.{name}": getattr(shelf, name) for name in ("order", "by_id", "born", "offered")}.items()
    yield from zip(("newest", "newest.born"), shelf.newest, strict=True)
    yield from {name: getattr(columns, name) for name in ("prices", "stocks")}.items()
    yield from {name: columns.keys(name) for name in ("brand", "category", "group")}.items()
    yield from {str(filters): shelf.passing(filters) for filters in FILTERS}.items()
    yield from {f"rule {number}": mask for number, mask in snapshot.rules.matched.items()}.items()
    yield from {f"context {number}": mask for number, mask in snapshot.rules.in_context.items()}.items()
    yield from {"known": survey.space.known, "likeness": (survey.space.points @ survey.space.points.T).round(6)}.items()
    if snapshot.bundle is not None:
        yield "facts", snapshot.bundle.facts.table
        for name, source in snapshot.bundle.sources.items():
            yield from {f"{name}.{part}": array for part, array in source.arrays.items()}.items()


def same(one: Snapshot, other: Snapshot) -> bool:
    """Return whether both are the same to whoever is answered."""
    assert (one.shelf.rows, one.touched, one.rules.rules) == (other.shelf.rows, other.touched, other.rules.rules)
    assert (one.shelf.columns.brands, one.shelf.columns.codes) == (
        other.shelf.columns.brands,
        other.shelf.columns.codes,
    )
    own, others = dict(arrays_of(one)), dict(arrays_of(other))
    assert own.keys() == others.keys()
    for name, array in own.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)
    return True


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("which", range(3), ids=("without a model", "with one", "that is extended"))
def test_a_state_that_followed_is_as_one_made_anew(bundles: list[Bundle | None], which: int, seed: int) -> None:
    chance, now, rules, followed = random.Random(seed), NOW, list[Rule](), 0
    rows = {name: put(name, chance) for name in (*PRODUCTS, *(f"new-{number}" for number in range(6)))}

    def anew() -> Snapshot:
        made: dict[str, Any] = {"bundle": bundles[which], "model_version": None, "placements": {}}
        return Snapshot.build(**made, rows=rows.values(), rules=rules, now=now)

    snapshot = anew()
    for step in range(STEPS):
        for name in chance.sample(("kinship", "newest", "born", "by_id"), 2):
            getattr(snapshot.shelf, name)  # somebody was answered meanwhile
        now += timedelta(hours=chance.randrange(3))
        rules = ruled(chance) if chance.random() < 0.3 else rules
        changed = [edited(rows[name], chance) for name in chance.sample(sorted(rows), chance.choice((0, 1, 1, 3)))]
        changed += [put(f"newer-{step}", chance)] if chance.random() < 0.05 else []
        rows |= {row.product_id: row for row in changed}
        if changed:
            next_one = snapshot.following(changed, placements={}, rules=rules, now=now)
        else:
            next_one = snapshot.with_rules(rules).at(now, placements={})
        followed += next_one is not None
        assert next_one is None or same(next_one, anew())
        snapshot = next_one or anew()
    assert followed > STEPS / 4
