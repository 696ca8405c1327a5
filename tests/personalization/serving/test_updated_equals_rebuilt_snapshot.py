"""Random changes of products, rules, time and model: an updated snapshot always equals a rebuilt one."""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from catalog.records import ProductRow
from personalization.rules.objective import OBJECTIVES
from personalization.rules.rule_set import Rule
from personalization.selectors.placements import Filters
from personalization.serving.snapshot import Snapshot
from recsys.arrays import Ints
from recsys.ranking.model import HybridModel
from recsys.sources.content import Content
from tests.recsys.furniture import PRODUCTS, items, model

NOW = datetime(2026, 7, 1, tzinfo=UTC)
STEPS = 40
FILTERS = (
    Filters(min_price=Decimal(40)),
    Filters(category=("Furniture",)),
    Filters(brand=("Nord",)),
    Filters(in_stock=True),
    Filters(attributes=(("color", ("RED",)),)),
    Filters(attributes=(("color", ("blue", "green")),)),
)
VALUES: dict[str, tuple[Any, ...]] = {
    "title": ("Oak desk", "Wool rug", "Blue mug"),
    "category": (("Furniture", "Desks"), ("Furniture", "Chairs"), ("Light",), ("New", "Deep"), ()),
    "brand": ("Nord", "nord", "Lux", ""),
    "price": (None, Decimal(30), Decimal(90), Decimal(400)),
    "currency": ("EUR", "EUR", "USD"),
    "stock": (None, 0, 1, 100),
    "cost": (None, Decimal(10), Decimal(80)),
    "group_id": ("", "", "one", "other"),
    "attributes": ({}, {"color": "red"}, {"color": ["red", "blue"]}),
    "available_from": (None, None, NOW - timedelta(days=9), NOW + timedelta(hours=9), NOW + timedelta(hours=40)),
    "active": (True, True, True, False),
    "removed": (False, False, False, True),
}


@pytest.fixture(scope="module")
def bundles() -> list[HybridModel | None]:
    names = ("popular", "rp3beta", "content", "new_arrivals")
    others = items()[3:].assign(brand="Lux")  # fewer products, other texts, and one that the shop never had
    others = pd.concat([others, others[:1].assign(item_id="cup", title="Tin cup")])
    return [None, model(), model(names), model(names, listed=others)]


def random_row(product_id: str, chance: random.Random) -> ProductRow:
    """Return a product with random values."""
    fixed: dict[str, Any] = {
        "product_id": product_id,
        "description": "",
        "compare_at_price": None,
        "url": "",
    }
    random_fields = {name: chance.choice(values) for name, values in VALUES.items()}
    return as_selected(ProductRow(**fixed, **random_fields, image_url="", first_seen=NOW))


def changed_row(row: ProductRow, chance: random.Random) -> ProductRow:
    """Return the product with some new random values."""
    names = chance.sample(sorted(VALUES), chance.choice((1, 1, 2, 3)))
    return as_selected(replace(row, **{name: chance.choice(VALUES[name]) for name in names}))


def as_selected(row: ProductRow) -> ProductRow:
    """Return the product as the catalog's selector would return it."""
    first_seen = row.available_from or NOW - timedelta(days=len(row.product_id))
    return replace(row, active=row.active and not row.removed, first_seen=first_seen)


def random_rules(chance: random.Random) -> list[Rule]:
    """Return random rules; ids and versions repeat between calls."""
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
    """Yield all data that answers use, by name, independent of the products' codes."""
    catalog, columns, onboarding = snapshot.serving_catalog, snapshot.serving_catalog.columns, snapshot.onboarding_cache
    at, ids = catalog.by_id, np.array(columns.product_ids)
    codes, first_seen = catalog.newest
    code_lists = {"popular": snapshot.popular, "pool": onboarding.pool, "order": catalog.order, "by_id": catalog.by_id}
    yield from {name: ids[own] for name, own in code_lists.items()}.items()
    yield from {"newest": ids[codes[np.lexsort((ids[codes], -first_seen))]], "newest.born": first_seen}.items()
    yield from {name: getattr(catalog, name)[at] for name in ("first_seen", "sale_starts")}.items()
    yield from {"on_sale": snapshot.on_sale[at], "prices": columns.prices[at], "stocks": columns.stocks[at]}.items()
    for objective in OBJECTIVES[1:]:
        yield from {
            objective: snapshot.values.of(objective)[at],
            f"{objective} factors": snapshot.values.factors(objective)[at],
        }.items()
    yield "brand", [columns.brands[own] for own in columns.brand_of[at]]
    yield "category", [columns.categories[own] for own in columns.category_of[at]]
    yield "group", pd.factorize(columns.group_of[at])[0]
    yield from {str(filters): catalog.filter_mask(filters)[at] for filters in FILTERS}.items()
    yield from {f"rule {number}": mask[at] for number, mask in snapshot.rules.matched.items()}.items()
    yield from {f"context {number}": mask[at] for number, mask in snapshot.rules.in_context.items()}.items()
    yield "kinship", np.array([catalog.kinship.similarities(code)[at] for code in at])
    yield from {
        "familiarity": onboarding.space.familiarity,
        "likeness": (onboarding.space.points @ onboarding.space.points.T).round(6),
    }.items()
    if snapshot.bundle is not None:
        yield from model_arrays(snapshot.bundle, at)


def model_arrays(bundle: HybridModel, at: Ints) -> Iterable[tuple[str, Any]]:
    """Yield the model's data on products, in the given order of their codes."""
    facts = bundle.statistics
    yield from {name: getattr(facts, name)[at] for name in ("table", "born", "last", "gap")}.items()
    for name in ("category", "department", "brand", "group"):
        codes = getattr(facts, name)[at]
        yield from {f"facts.{name}": pd.factorize(codes)[0], f"none of facts.{name}": codes < 0}.items()
    attributes = [facts.attributes[facts.starts[code] : facts.starts[code + 1]] for code in at]
    yield "rarity", np.concatenate([facts.rarity[own] for own in attributes])
    yield "attributes", pd.factorize(np.concatenate(attributes))[0]
    for name, source in bundle.sources.items():
        arrays = dict(source.arrays)
        if isinstance(source, Content):
            inside = at[at < source.n_items]
            table = source.table.matrix().toarray()[inside][:, inside]
            arrays = {"table": table, "own": source.table.own[inside]}
        yield from {f"{name}.{part}": array for part, array in arrays.items()}.items()


def same(one: Snapshot, other: Snapshot) -> bool:
    """Return whether both give the same answers."""
    assert (one.n_popular, one.n_trained, one.rules.rules) == (other.n_popular, other.n_trained, other.rules.rules)
    rows_by_id = [
        dict(zip(state.serving_catalog.columns.product_ids, state.serving_catalog.rows, strict=True))
        for state in (one, other)
    ]
    assert rows_by_id[0] == rows_by_id[1]
    own, others = dict(arrays_of(one)), dict(arrays_of(other))
    assert own.keys() == others.keys()
    for name, array in own.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)
    return True


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("which", range(3), ids=("without a model", "with one", "that is extended"))
def test_updated_snapshot_equals_rebuilt_one(bundles: list[HybridModel | None], which: int, seed: int) -> None:
    """Products are changed, added, removed and restored; rules, time and the live model change."""
    chance, now, rules, n_updates, live = random.Random(seed), NOW, list[Rule](), 0, bundles[which]
    rows = {name: random_row(name, chance) for name in (*PRODUCTS, *(f"new-{number}" for number in range(6)))}

    def rebuild(before: Snapshot | None = None) -> Snapshot:
        parts: dict[str, Any] = {"bundle": live, "model_version": None, "placements": {}, "before": before}
        return Snapshot.build(**parts, rows=rows.values(), rules=rules, now=now)

    snapshot = rebuild()
    for step in range(STEPS):
        for name in chance.sample(("kinship", "newest", "first_seen", "by_id", "costs"), 2):
            getattr(snapshot.serving_catalog, name)  # as an answer would
        now += timedelta(hours=chance.randrange(3))
        rules = random_rules(chance) if chance.random() < 0.3 else rules
        changed = [changed_row(rows[name], chance) for name in chance.sample(sorted(rows), chance.choice((0, 1, 1, 3)))]
        changed += [random_row(f"{chance.choice('az')}-{step}", chance)] if chance.random() < 0.2 else []
        rows |= {row.product_id: row for row in changed}
        next_one, former = None, live
        live = chance.choice(bundles) if chance.random() < 0.1 else live
        if live is not former:
            next_one = None
        elif changed:
            next_one = snapshot.with_changes(changed, placements={}, rules=rules, now=now)
        else:
            next_one = snapshot.with_rules(rules).at(now, placements={})
        n_updates += next_one is not None
        snapshot = next_one or rebuild(before=snapshot)
        assert same(snapshot, rebuild())
    assert n_updates > STEPS / 4


def test_unused_names_and_words_are_dropped(bundles: list[HybridModel | None]) -> None:
    chance, settings = random.Random(5), dict[str, Any](placements={}, rules=[], now=NOW)
    parts = {"bundle": bundles[2], "model_version": None, **settings}
    rows = {name: random_row(name, chance) for name in (*PRODUCTS, "new-1", "new-2")}
    snapshot = Snapshot.build(**parts, rows=rows.values())
    for step in range(60):
        _ = snapshot.serving_catalog.kinship
        fields: dict[str, Any] = {name: f"{name} {step}" for name in ("title", "brand", "group_id")}
        name = chance.choice(sorted(rows))
        rows[name] = as_selected(replace(rows[name], removed=False, category=(f"category {step}",), **fields))
        updated = None if step % 3 else snapshot.with_changes([rows[name]], **settings)
        snapshot = updated or Snapshot.build(**parts, rows=rows.values(), before=snapshot)

    columns, kinship = snapshot.serving_catalog.columns, snapshot.serving_catalog.kinship
    assert same(snapshot, Snapshot.build(**parts, rows=rows.values()))
    for names in (columns.brands, columns.categories, columns.groups):
        assert len(names) <= 2 * len(rows)
    assert len(kinship._vocabulary) <= 2 * len(set(kinship._rows.indices.tolist()))
