"""The simulated shop has the structure that `docs/demo.md` documents."""

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from demo.datasets import simulated
from demo.simulation.behavior import DAY, Act, simulate
from demo.simulation.catalog import SimulatedProduct, make_products
from demo.simulation.payloads import Wire
from demo.simulation.shoppers import Shopper, make_shoppers
from demo.simulation.truth import PlantedTruth
from demo.simulation.vocabulary import COMPLEMENT_KINDS, KIND_BY_KEY, KINDS

END = 1_780_000_000.0
World = tuple[list[SimulatedProduct], list[Shopper], list[Act]]


def in_visits(act: Act) -> tuple[int, float]:
    """Return the sort key that puts each shopper's acts one after the other."""
    return act.shopper, act.at


@pytest.fixture(scope="module")
def world() -> World:
    """A small simulated shop."""
    products, shoppers = make_products(seed=3), make_shoppers(300, seed=3)
    return products, shoppers, simulate(products, shoppers, end=END, seed=3)


def test_same_seed_gives_same_shop(world: World) -> None:
    products, shoppers, acts = world

    again = simulate(make_products(seed=3), make_shoppers(300, seed=3), end=END, seed=3)

    assert again == acts


def test_all_kinds_exist_and_ids_are_unique(world: World) -> None:
    products, _, _ = world

    assert {product.kind.key for product in products} == {kind.key for kind in KINDS}
    assert len({product.product_id for product in products}) == len(products)
    assert all(float(product.data["cost"]) < float(product.data["price"]) for product in products)


def test_shoppers_prefer_their_own_style(world: World) -> None:
    products, shoppers, acts = world

    looks = [act for act in acts if act.action == "view" and shoppers[act.shopper].styles.max() > 0.8]
    own = [products[act.product].style == int(np.argmax(shoppers[act.shopper].styles)) for act in looks]

    assert np.mean(own) > 0.5  # by chance: 1 in 6


def test_new_products_become_known_over_days(world: World) -> None:
    products, _, acts = world
    start = END - 90 * DAY

    since = [
        (act.at - start) / DAY - 90 * products[act.product].arrives
        for act in acts
        if act.action in ("view", "cart") and 0 < products[act.product].arrives < 7 / 9
    ]

    assert 0.1 < np.mean([product.arrives > 0 for product in products]) < 0.3
    assert min(since) >= 0
    assert 1.5 * sum(days < 5 for days in since) < sum(15 <= days < 20 for days in since)


def test_complements_share_an_order(world: World) -> None:
    products, _, acts = world

    baskets = [{products[line.product].kind.key for line in act.lines} for act in acts if act.action == "order"]
    desks = [basket for basket in baskets if "desk" in basket]
    chairs = np.mean(["office-chair" in basket for basket in desks])

    assert chairs > 3 * np.mean(["office-chair" in basket for basket in baskets])


def test_relations_are_plausible(world: World) -> None:
    products, _, _ = world
    truth, by_id = PlantedTruth(products), {product.product_id: product for product in products}

    for product in products:
        substitutes, complements = (
            [by_id[other] for other in others]
            for others in (truth.substitutes(product.product_id), truth.complements(product.product_id))
        )
        price = float(product.data["price"])
        assert substitutes
        assert {other.kind for other in substitutes} == {product.kind}
        assert {other.kind.key for other in complements} <= set(COMPLEMENT_KINDS[product.kind.key])
        assert {other.style for other in complements} <= {product.style}
        assert all(product.product_id in truth.complements(other.product_id) for other in complements)
        assert product.group_id not in {other.group_id for other in substitutes}
        assert all(1 / 3 <= float(other.data["price"]) / price <= 3 for other in substitutes)
        assert all(
            1 / 3 <= float(other.data["price"]) / price <= 3 or abs(other.level - product.level) <= 0.2
            for other in complements
        )
    assert np.mean([len(truth.complements(product.product_id)) >= 2 for product in products]) > 0.8


def test_substitutes_are_viewed_in_one_visit(world: World) -> None:
    products, _, acts = world
    truth = PlantedTruth(products)

    pairs = [
        (products[first.product].product_id, products[second.product].product_id)
        for first, second in pairwise(act for act in sorted(acts, key=in_visits) if act.action == "view")
        if first.shopper == second.shopper and second.at - first.at < 1800
    ]

    share = np.mean([second in truth.substitutes(first) for first, second in pairs])
    assert share > 0.35  # by chance: 6 in 617


def test_substitutes_never_share_an_order(world: World) -> None:
    products, _, acts = world
    truth = PlantedTruth(products)

    orders = [[line.product for line in act.lines] for act in acts if act.action == "order"]

    assert orders
    assert not any(truth.rivals(product).intersection(order) for order in orders for product in order)


def test_planted_complements_share_orders_above_chance(world: World) -> None:
    products, _, acts = world
    truth = PlantedTruth(products)
    orders = [[products[line.product].product_id for line in act.lines] for act in acts if act.action == "order"]
    bought = Counter(product for order in orders for product in order)

    together = sum(other in truth.complements(product) for order in orders for product in order for other in order)
    by_chance = sum(
        count * bought[other] / len(orders) for product, count in bought.items() for other in truth.complements(product)
    )

    assert together > 5 * by_chance


def test_cart_complements_add_to_the_cart(world: World) -> None:
    products, _, _ = world
    truth = PlantedTruth(products)
    desk = next(product.product_id for product in products if product.kind.key == "desk")
    chair = next(other for other in truth.complements(desk))

    for_both = truth.cart_complements([desk, chair])

    assert set(for_both) <= {*truth.complements(desk), *truth.complements(chair)}
    assert not {desk, chair, *truth.substitutes(chair)}.intersection(for_both)
    assert for_both


def test_truth_is_in_no_payload() -> None:
    data = simulated.load(now=datetime.fromtimestamp(END, UTC), currency="EUR", shoppers=5, seed=3)
    fields = {
        "title", "description", "category", "brand", "price", "compare_at_price", "cost", "currency", "stock", "active",
        "group_id", "attributes", "url", "image_url", "available_from", "product_id",
    }  # fmt: skip
    attributes = {"color", "material", "scent", "light", "roast", "style", "room"}

    assert all(set(row) == fields and set(row["attributes"]) <= attributes for row in data.products)
    names = {
        name
        for item in data.items
        if "products" not in item.get("properties", {})
        for name in item.get("properties", {})
    }
    assert names <= {"path", "list_id", "category", "product_id", "name", "brand", "price", "quantity", "rating"}


def test_consumables_are_bought_again(world: World) -> None:
    products, _, acts = world

    bought = Counter((act.shopper, line.product) for act in acts if act.action == "order" for line in act.lines)
    again = {key: count for key, count in bought.items() if count > 1}

    assert again
    assert sum(KIND_BY_KEY[products[product].kind.key].again_days > 0 for _, product in again) > 0.95 * len(again)


def test_owners_of_durables_rarely_view_them_again(world: World) -> None:
    products, shoppers, acts = world
    own, looks, owned_looks = set(), 0, 0
    for act in acts:
        if act.action == "view" and not KIND_BY_KEY[products[act.product].kind.key].again_days:
            looks, owned_looks = looks + 1, owned_looks + ((act.shopper, act.product) in own)
        own |= {(act.shopper, line.product) for line in act.lines}

    assert own
    assert owned_looks < 0.01 * looks


def test_payloads_carry_consent_only_as_given(world: World) -> None:
    products, shoppers, acts = world

    items = list(Wire(products, shoppers, prefix="t").items(acts))
    answers = {
        item["anonymousId"]: item["context"]["consent"]["categoryPreferences"]["personalization"]
        for item in items
        if "consent" in item["context"]
    }

    for shopper in shoppers:
        expected = {"yes": True, "no": False, "none": None}[shopper.consent]
        assert {answers.get(device) for device in shopper.devices if device in answers} <= {expected}
    assert len({item["messageId"] for item in items}) == len(items)
    assert all(item["context"]["library"]["name"] == "vitrine-simulation" for item in items)
