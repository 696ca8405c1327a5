"""Whatever is done to products, rules and time, a state that followed is the state that would be made anew."""

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
def bundles() -> list[HybridModel | None]:
    told = ("popular", "rp3beta", "content", "new_arrivals")
    others = items()[3:].assign(brand="Lux")  # fewer products, told in other words; one that the shop never had
    others = pd.concat([others, others[:1].assign(item_id="cup", title="Tin cup")])
    return [None, model(), model(told), model(told, listed=others)]


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
    """Yield everything that an answer looks at, by name, whatever codes the products have."""
    shelf, columns, survey = snapshot.shelf, snapshot.shelf.columns, snapshot.survey
    at, ids = shelf.by_id, np.array(columns.product_ids)
    codes, born = shelf.newest
    ordered = {"popular": snapshot.popular, "pool": survey.pool, "order": shelf.order, "by_id": shelf.by_id}
    yield from {name: ids[own] for name, own in ordered.items()}.items()
    yield from {"newest": ids[codes[np.lexsort((ids[codes], -born))]], "newest.born": born}.items()
    yield from {name: getattr(shelf, name)[at] for name in ("born", "offered")}.items()
    yield from {"on_sale": snapshot.on_sale[at], "prices": columns.prices[at], "stocks": columns.stocks[at]}.items()
    yield "brand", [columns.brands[own] for own in columns.brand_of[at]]
    yield "category", [columns.categories[own] for own in columns.category_of[at]]
    yield "group", pd.factorize(columns.group_of[at])[0]
    yield from {str(filters): shelf.passing(filters)[at] for filters in FILTERS}.items()
    yield from {f"rule {number}": mask[at] for number, mask in snapshot.rules.matched.items()}.items()
    yield from {f"context {number}": mask[at] for number, mask in snapshot.rules.in_context.items()}.items()
    yield "kinship", np.array([shelf.kinship.similarities(code)[at] for code in at])
    yield from {"known": survey.space.known, "likeness": (survey.space.points @ survey.space.points.T).round(6)}.items()
    if snapshot.bundle is not None:
        yield from learnt_of(snapshot.bundle, at)


def learnt_of(bundle: HybridModel, at: Ints) -> Iterable[tuple[str, Any]]:
    """Yield what the model says of products, in the given order of their codes."""
    facts = bundle.statistics
    yield from {name: getattr(facts, name)[at] for name in ("table", "born", "last", "gap")}.items()
    for name in ("category", "department", "brand", "group"):
        codes = getattr(facts, name)[at]
        yield from {f"facts.{name}": pd.factorize(codes)[0], f"none of facts.{name}": codes < 0}.items()
    held = [facts.attributes[facts.starts[code] : facts.starts[code + 1]] for code in at]
    yield "rarity", np.concatenate([facts.rarity[own] for own in held])
    yield "attributes", pd.factorize(np.concatenate(held))[0]
    for name, source in bundle.sources.items():
        arrays = dict(source.arrays)
        if isinstance(source, Content):
            inside = at[at < source.n_items]
            table = source.table.matrix().toarray()[inside][:, inside]
            arrays = {"table": table, "own": source.table.own[inside]}
        yield from {f"{name}.{part}": array for part, array in arrays.items()}.items()


def same(one: Snapshot, other: Snapshot) -> bool:
    """Return whether both are the same to whoever is answered."""
    assert (one.touched, one.trained, one.rules.rules) == (other.touched, other.trained, other.rules.rules)
    told = [dict(zip(state.shelf.columns.product_ids, state.shelf.rows, strict=True)) for state in (one, other)]
    assert told[0] == told[1]
    own, others = dict(arrays_of(one)), dict(arrays_of(other))
    assert own.keys() == others.keys()
    for name, array in own.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)
    return True


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("which", range(3), ids=("without a model", "with one", "that is extended"))
def test_a_state_that_followed_is_as_one_made_anew(bundles: list[HybridModel | None], which: int, seed: int) -> None:
    """Products change, come, go and come back, rules change, time goes by, other models go live and come back."""
    chance, now, rules, followed, live = random.Random(seed), NOW, list[Rule](), 0, bundles[which]
    rows = {name: put(name, chance) for name in (*PRODUCTS, *(f"new-{number}" for number in range(6)))}

    def anew(before: Snapshot | None = None) -> Snapshot:
        made: dict[str, Any] = {"bundle": live, "model_version": None, "placements": {}, "before": before}
        return Snapshot.build(**made, rows=rows.values(), rules=rules, now=now)

    snapshot = anew()
    for step in range(STEPS):
        for name in chance.sample(("kinship", "newest", "born", "by_id"), 2):
            getattr(snapshot.shelf, name)  # somebody was answered meanwhile
        now += timedelta(hours=chance.randrange(3))
        rules = ruled(chance) if chance.random() < 0.3 else rules
        changed = [edited(rows[name], chance) for name in chance.sample(sorted(rows), chance.choice((0, 1, 1, 3)))]
        changed += [put(f"{chance.choice('az')}-{step}", chance)] if chance.random() < 0.2 else []
        rows |= {row.product_id: row for row in changed}
        next_one, former = None, live
        live = chance.choice(bundles) if chance.random() < 0.1 else live
        if live is not former:
            next_one = None
        elif changed:
            next_one = snapshot.following(changed, placements={}, rules=rules, now=now)
        else:
            next_one = snapshot.with_rules(rules).at(now, placements={})
        followed += next_one is not None
        snapshot = next_one or anew(before=snapshot)
        assert same(snapshot, anew())
    assert followed > STEPS / 4


def test_names_and_words_that_nobody_bears_any_more_fill_no_memory(bundles: list[HybridModel | None]) -> None:
    chance, parts = random.Random(5), dict[str, Any](placements={}, rules=[], now=NOW)
    made = {"bundle": bundles[2], "model_version": None, **parts}
    rows = {name: put(name, chance) for name in (*PRODUCTS, "new-1", "new-2")}
    snapshot = Snapshot.build(**made, rows=rows.values())
    for step in range(60):
        _ = snapshot.shelf.kinship
        told: dict[str, Any] = {name: f"{name} {step}" for name in ("title", "brand", "group_id")}
        name = chance.choice(sorted(rows))
        rows[name] = shown(replace(rows[name], removed=False, category=(f"category {step}",), **told))
        followed = None if step % 3 else snapshot.following([rows[name]], **parts)
        snapshot = followed or Snapshot.build(**made, rows=rows.values(), before=snapshot)

    columns, kinship = snapshot.shelf.columns, snapshot.shelf.kinship
    assert same(snapshot, Snapshot.build(**made, rows=rows.values()))
    for names in (columns.brands, columns.categories, columns.groups):
        assert len(names) <= 2 * len(rows)
    assert len(kinship._vocabulary) <= 2 * len(set(kinship._rows.indices.tolist()))
