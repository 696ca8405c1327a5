"""Recent item slots: their number, their reasons, and that they obey caps."""

from collections import Counter

import pytest

from personalization.services.placements import save_placement
from personalization.services.recommend import recommend
from personalization.services.rules import create_rule
from personalization.serving.asking import Ask, Who
from personalization.serving.snapshot_refresher import snapshot_refresher
from tests.personalization.shop import ADA, views
from tests.recsys.furniture import GROUPS, PRODUCTS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live_model")]
BRANDS = ("Nord", "Lux", "Weft")


def slate(**settings: int | str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the products of Ada's home page, and which ones their reasons name."""
    save_placement("home", data={"explore_share": 0.0, "strategy": "popular", **settings}, actor="staff:1")
    snapshot_refresher.forget()
    answer = recommend(Ask(placement="home", who=Who(**ADA)))
    return [(item.product_id, item.reason.product_ids) for item in answer.items]


@pytest.mark.parametrize("recent_item_slots", [0, 1, 3])
def test_caps_apply_to_recent_item_slots(recent_item_slots: int) -> None:
    for brand in BRANDS:
        wording = {"effect": "cap", "brands": [brand], "cap": 1}
        create_rule(name=f"one {brand}", wording=wording, actor="staff:1")

    for latest in PRODUCTS:
        views(ADA, latest)
        products = [product for product, _ in slate(size=4, recent_item_slots=recent_item_slots, strategy="trending")]
        brands = Counter(PRODUCTS[product]["brand"] for product in products)
        assert max(brands[brand] for brand in BRANDS) <= 1, (latest, products)
        groups = [GROUPS[product] for product in products if product in GROUPS]
        assert len(groups) == len(set(groups)), (latest, products)


def test_number_of_recent_item_slots() -> None:
    views(ADA, "rug")

    because_of_rug = {
        places: sum("rug" in names for _, names in slate(size=6, recent_item_slots=places)) for places in (0, 1, 2)
    }

    assert because_of_rug == {0: 0, 1: 1, 2: 2}


def test_single_place_belongs_to_the_best_item() -> None:
    views(ADA, "rug")

    assert slate(size=1, recent_item_slots=1)[0][0] == slate(size=1, recent_item_slots=0)[0][0]


def test_explanation_names_the_recent_item_slot() -> None:
    views(ADA, "rug")
    placement = {"explore_share": 0.0, "discovery_share": 1.0, "strategy": "popular", "size": 3, "recent_item_slots": 1}
    save_placement("home", data=placement, actor="x")
    snapshot_refresher.forget()

    answer = recommend(Ask(placement="home", who=Who(**ADA), explain=True))

    rules_by_cause = {
        "rug" in item.reason.product_ids: item.explanation and item.explanation.rules for item in answer.items
    }
    assert rules_by_cause == {True: ("in a slot for products close to the one looked at last",), False: ()}


def test_item_in_a_slot_is_not_listed_as_removed() -> None:
    create_rule(name="Two", wording={"effect": "cap", "cap": 2}, actor="staff:1")
    save_placement(
        "home", data={"explore_share": 0.0, "strategy": "popular", "size": 6, "recent_item_slots": 1}, actor="x"
    )
    views(ADA, "rug")

    answer = recommend(Ask(placement="home", who=Who(**ADA), explain=True))

    products, removed = {item.product_id for item in answer.items}, {one.product_id for one in answer.removed or ()}
    assert (len(products), "throw" in products) == (2, True)
    assert removed
    assert not products & removed
