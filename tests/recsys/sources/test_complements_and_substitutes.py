"""Complements and substitutes of a planted shop: lamps go with bulbs, designs of one kind replace each other."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from recsys.data.catalog import Catalog
from recsys.data.dataset import Dataset, build
from recsys.data.profile import Context, Profile
from recsys.sources.baskets import basket_item
from recsys.sources.category_pairs import CategoryPairs, price_tiers
from recsys.sources.complements import Complements
from recsys.sources.prices import octaves, proportion
from recsys.sources.registry import make
from recsys.sources.substitutes import Substitutes
from tests.recsys import shops

DAY = 86_400.0
STYLES, DESIGNS = ("oak", "steel"), 6


@pytest.fixture(scope="module")
def shop() -> Dataset:
    """Lamps, bulbs and mugs in two styles. Carts take a lamp, then a bulb of its style; visits compare lamps."""
    rng = np.random.default_rng(5)
    rows: list[tuple[Any, ...]] = []
    for visit in range(1_500):
        user, at, style = visit % 200, shops.START + visit * DAY / 20, int(rng.integers(2))
        lamp, other, bulb = (int(rng.integers(DESIGNS // 2)) * 2 + style for _ in range(3))
        rows += [(user, f"lamp{lamp}", at, "view", None), (user, f"lamp{other}", at + 30, "view", None)]
        if visit % 3 == 0:
            lines = [f"lamp{lamp}", f"bulb{bulb}"]
            rows += [(user, item, at + 60 + 10 * place, "cart", None) for place, item in enumerate(lines)]
            rows += [(user, item, at + 300, "purchase", visit) for item in lines]
        else:
            rows += [(user, f"mug{int(rng.integers(DESIGNS))}", at + 90, "purchase", visit)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "event", "order_id"])
    items = [
        {
            "item_id": f"{kind}{number}",
            "title": f"{kind} number {number}",
            "category": f"Home/{kind}s",
            "price": price,
            "attributes": [f"style={STYLES[number % 2]}", f"shelf={number}"],
        }
        for kind, price in (("lamp", 40.0), ("bulb", 25.0), ("mug", 12.0))
        for number in range(DESIGNS)
    ]
    items.append({**items[0], "item_id": "lamp-xl", "title": "lamp of gold", "price": 4_000.0})
    items.append({**items[DESIGNS], "item_id": "bulb-new", "title": "bulb nobody bought", "price": 25.0})
    return build(frame.assign(user_id=frame["user_id"].astype(str)), pd.DataFrame(items))


def answer(
    model: Complements | Substitutes, shop: Dataset, *context: str, k: int = 3, profile: Profile | None = None
) -> list[str]:
    names = list(shop.catalog.item_ids)
    items = tuple(names.index(name) for name in context)
    ranked = model.recommend(profile or Profile.empty(shops.START), Context(items=items), k)
    return [names[code] for code in ranked.items.tolist()]


@pytest.fixture(scope="module")
def complements(shop: Dataset) -> Complements:
    model = make("complements").fit(shop.interactions, shop.catalog)
    assert isinstance(model, Complements)
    return model


@pytest.fixture(scope="module")
def substitutes(shop: Dataset) -> Substitutes:
    model = make("substitutes").fit(shop.interactions, shop.catalog)
    assert isinstance(model, Substitutes)
    return model


def test_a_lamp_is_completed_by_bulbs_of_its_style(shop: Dataset, complements: Complements) -> None:
    best = answer(complements, shop, "lamp1")

    assert {name[:4] for name in best} == {"bulb"}
    assert {int(name[4:]) % 2 for name in best} == {1}


def test_what_comes_first_into_carts_is_no_complement_of_what_comes_later(
    shop: Dataset, complements: Complements
) -> None:
    names = list(shop.catalog.item_ids)
    lamps, bulbs = ([names.index(f"{kind}{number}") for number in range(DESIGNS)] for kind in ("lamp", "bulb"))

    def total(first: list[int], second: list[int]) -> float:
        empty, wanted = Profile.empty(0.0), np.array(second, np.int32)
        return sum(float(complements.score(empty, Context(items=(code,)), wanted).sum()) for code in first)

    assert total(lamps, bulbs) > 2 * total(bulbs, lamps) > 0


def test_a_product_without_orders_is_completed_by_its_category(shop: Dataset, complements: Complements) -> None:
    names = list(shop.catalog.item_ids)
    assert names.index("lamp-xl") not in set(shop.interactions.items.tolist())

    assert {name[:4] for name in answer(complements, shop, "lamp-xl")} == {"bulb"}


def test_the_shoppers_taste_comes_first(shop: Dataset, complements: Complements) -> None:
    names, n = list(shop.catalog.item_ids), 5
    steel = Profile(
        items=np.full(n, names.index("mug1"), np.int32),
        times=np.full(n, shops.START),
        signals=np.full(n, 10, np.int8),
        weights=np.ones(n, np.float32),
        values=np.ones(n, np.float32),
        now=shops.START,
    )
    context = Context(items=(names.index("lamp0"),))
    steel_bulb = np.array([names.index("bulb1")], np.int32)

    fitted, plain = (complements.score(one, context, steel_bulb)[0] for one in (steel, Profile.empty(shops.START)))

    assert fitted > plain


def test_several_lines_want_no_second_one_of_their_categories(shop: Dataset, complements: Complements) -> None:
    best = answer(complements, shop, "lamp1", "mug0", k=3)

    assert {name[:4] for name in best} == {"bulb"}


def test_substitutes_are_of_the_category_and_the_compared_ones_first(shop: Dataset, substitutes: Substitutes) -> None:
    best = answer(substitutes, shop, "lamp1", k=20)

    assert {name[:4] for name in best} == {"lamp"}
    assert {int(name[4:]) % 2 for name in best[:2]} == {1}  # visits compare lamps of one style
    assert best[-1] == "lamp-xl"  # a hundred times the price


def test_a_new_product_has_substitutes_and_is_one_without_a_refit(shop: Dataset, substitutes: Substitutes) -> None:
    known = shop.catalog
    catalog = Catalog(
        item_ids=(*known.item_ids, "lamp-2"),
        titles=(*known.titles, "lamp number 1"),
        categories=(*known.categories, "Home/lamps"),
        attributes=(*known.attributes, ("style=steel",)),
        prices=np.append(known.prices, np.float32(40.0)),  # type: ignore[arg-type]
    )

    extended = substitutes.extend(catalog)
    own = extended.recommend(Profile.empty(0.0), Context(items=(known.n_items,)), 3).items.tolist()
    of_lamp = extended.recommend(Profile.empty(0.0), Context(items=(known.item_ids.index("lamp1"),)), 20).items.tolist()

    assert {catalog.item_ids[code][:4] for code in own} == {"lamp"}
    assert known.n_items in of_lamp


def test_without_categories_the_texts_decide() -> None:
    catalog = Catalog(
        item_ids=("a", "b", "c"),
        titles=("oak desk lamp", "oak desk lamp", "garden hose"),
        attributes=(("color=red",), ("color=red",), ("color=green",)),
    )
    model = make("substitutes").fit(shops.interactions([], n_users=0), catalog)

    assert model.recommend(Profile.empty(0.0), Context(items=(0,)), 3).items.tolist() == [1]


def test_proportion_falls_smoothly_beyond_twice_the_price() -> None:
    factors = proportion(np.array([10.0, 20.0, 30.0, 40.0, 400.0]), 10.0)

    assert factors[:2].tolist() == [1.0, 1.0]
    assert (np.diff(factors[1:]) < 0).all()
    assert factors[2] == pytest.approx(0.25, abs=0.01)
    assert (factors > 0).all()
    assert proportion(np.array([0.0, np.nan, 5.0]), np.array([9.0, 9.0, np.nan])).tolist() == [1.0, 1.0, 1.0]
    assert proportion(np.array([40.0]), 10.0, free_octaves=2.0).tolist() == [1.0]
    assert proportion(np.array([40.0, 2.5]), 10.0, free_octaves=2.0, free_above=1.0)[1] == 1.0
    assert proportion(np.array([40.0, 2.5]), 10.0, free_octaves=2.0, free_above=1.0)[0] < 0.1
    assert octaves(np.array([10.0]), np.array([40.0])).tolist() == [2.0]


def test_a_shop_that_sells_cheap_things_with_dear_ones_may_propose_them() -> None:
    """What proportion is usual is learned: a phone for 800 goes with a case for 10."""
    phones = np.random.default_rng(1).integers(60, size=2_000).tolist()
    rows = [
        (f"u{order}", f"{kind}{number}", shops.START + order * DAY / 50, "purchase", order)
        for order, number in enumerate(phones)
        for kind in ("phone", "case")
    ]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "event", "order_id"])
    items = pd.DataFrame({"item_id": sorted(frame["item_id"].unique())})
    items["price"] = np.where(items["item_id"].str.startswith("phone"), 800.0, 10.0)
    dataset = build(frame, items)

    model = make("complements").fit(dataset.interactions, dataset.catalog)

    assert isinstance(model, Complements)
    assert model.free_octaves == pytest.approx(np.log2(80), abs=0.01)


def test_pairs_of_one_department_count_more() -> None:
    """Orders hold things of one room; a mug and a towel met three times by chance."""
    rng = np.random.default_rng(2)
    rooms = {"pot": "kitchen", "mug": "kitchen", "cloth": "kitchen", "towel": "bath", "mat": "bath", "soap": "bath"}
    rows: list[tuple[Any, ...]] = []
    for order in range(600):
        room = ("kitchen", "bath")[order % 2]
        kinds = rng.permutation([kind for kind, own in rooms.items() if own == room])[:2].tolist()
        kinds = ["mug", "towel"] if order < 40 else kinds
        at = shops.START + order * DAY / 20
        rows += [(f"u{order}", f"{kind}{int(rng.integers(4))}", at, "purchase", order) for kind in kinds]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "event", "order_id"])
    items = [
        {"item_id": f"{kind}{n}", "category": kind, "attributes": [f"room={room}", f"color={n % 3}"]}
        for kind, room in rooms.items()
        for n in range(4)
    ]
    dataset = build(frame, pd.DataFrame(items))
    model = make("complements").fit(dataset.interactions, dataset.catalog)
    assert isinstance(model, Complements)
    pairs = CategoryPairs(
        model.pairs, basket_item(dataset.interactions, dataset.catalog.n_items, purchases=True),
        dataset.interactions, dataset.catalog, config=model.config.categories, free_octaves=1.0,
    )  # fmt: skip
    names = list(dataset.catalog.item_ids)
    mug, cloth, towel = (np.array([names.index(name)]) for name in ("mug0", "cloth0", "towel0"))

    assert pairs.fit(mug, cloth)[0] > 1 > pairs.fit(mug, towel)[0]
    assert pairs.support(mug, cloth)[0] > 2 * pairs.support(mug, towel)[0]
    assert pairs.support(mug, mug)[0] == 1


def test_price_tiers_are_places_between_the_extremes_of_a_category() -> None:
    tiers = price_tiers(np.array([10.0, 100.0, 1_000.0, 5.0, np.nan]), np.array([0, 0, 0, 1, 1], np.int32))

    assert tiers[:3].tolist() == pytest.approx([0.0, 0.5, 1.0])
    assert np.isnan(tiers[3:]).all()
