"""The share of discovery: what the shopper knows has a limited share of a list, sold-out products have none."""

from dataclasses import replace

import numpy as np
import pytest

from catalog.services import bulk_upsert
from personalization.rules.filter_columns import Columns
from personalization.services.placements import save_placement
from personalization.services.recommend import recommend
from personalization.services.rules import create_rule
from personalization.serving.answers import Answer
from personalization.serving.asking import Ask, Who
from personalization.serving.familiar import discovery_cap, known_items
from personalization.serving.shoppers import Shopper
from recsys.data.interactions import DAY
from recsys.data.profile import Profile
from recsys.data.signals import SIGNAL_CODES
from tests.personalization.shop import ADA, does, views

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live_model")]
KNOWN = ("rug", "throw", "bulb", "lamp", "bowl")


def shown(placement: str = "home", **fields: object) -> list[str]:
    """Return the products of an answer to Ada."""
    answer: Answer = recommend(Ask(placement=placement, who=Who(**ADA), explores=False, **fields))  # type: ignore[arg-type]
    return [item.product_id for item in answer.items]


def columns(*groups: str) -> Columns:
    """Return four items, of these variant groups if any."""
    names, texts = "abcd", {"brands": [""] * 4, "categories": [""] * 4, "groups": groups or [""] * 4}
    return Columns.of(names, prices=[1.0] * 4, stocks=[1] * 4, **texts)


def many_products() -> None:
    """Add twenty products to the shop, so that there is enough to discover."""
    fields = {"currency": "EUR", "stock": 5, "price": "9.00", "category": ["Other"]}
    rows = [{"product_id": f"x{number:02d}", "title": f"Thing {number}", **fields} for number in range(20)]
    assert bulk_upsert(rows, actor="key:t").rejected == ()


@pytest.mark.parametrize(
    ("share", "size", "limit"),
    [(0.7, 10, 3), (0.7, 12, 3), (0.7, 1, 0), (0.0, 10, 10), (1.0, 10, 0), (0.9, 10, 1), (0.3, 10, 7), (0.5, 5, 2)],
)
def test_known_products_get_at_most_the_rest_of_the_places(share: float, size: int, limit: int) -> None:
    (cap,) = discovery_cap(np.array([1], np.int32), columns(), size=size, share=share)

    assert cap.limit == limit
    assert cap.about is not None
    assert cap.about.tolist() == [False, True, False, False]


def test_variants_of_known_products_are_known() -> None:
    (cap,) = discovery_cap(np.array([1], np.int32), columns("", "sofa", "sofa", ""), size=10, share=0.7)

    assert cap.about is not None
    assert cap.about.tolist() == [False, True, True, False]


def test_without_known_products_nothing_is_capped() -> None:
    assert discovery_cap(np.empty(0, np.int32), columns(), size=10, share=0.7) == []


def test_known_is_what_was_just_looked_at_and_what_the_shopper_still_has() -> None:
    """Items 0 to 2 were viewed, 3 to 5 bought; of these, 3 and 4 are bought again every 30 days, and 5 is not."""
    days = [1, 13, 15, 14, 16, 400]
    signals = [SIGNAL_CODES["view"], SIGNAL_CODES["cart"], SIGNAL_CODES["view"], *[SIGNAL_CODES["purchase"]] * 3]
    profile = replace(
        Profile.empty(500 * DAY),
        items=np.arange(6, dtype=np.int32),
        times=500 * DAY - DAY * np.array(days, np.float64),
        signals=np.array(signals, np.int8),
    )
    repurchase_seconds = np.array([np.inf, np.inf, np.inf, 30 * DAY, 30 * DAY, np.inf])

    assert known_items(Shopper(profile, personal=True), repurchase_seconds).tolist() == [0, 1, 3, 5]


@pytest.mark.parametrize(("share", "known"), [(0.7, 3), (0.5, 5), (0.9, 1), (1.0, 0)])
@pytest.mark.parametrize("placement", ["home", "trending", "product"])
def test_each_placement_keeps_its_share(placement: str, share: float, known: int) -> None:
    many_products()
    save_placement(placement, data={"discovery_share": share, "recent_item_slots": 1, "fallback": []}, actor="staff:1")
    views(ADA, *KNOWN)

    products = shown(placement, limit=10)

    assert len(products) == 10
    assert len(set(products) & set(KNOWN)) <= known


def test_default_share_is_seventy_percent() -> None:
    many_products()
    views(ADA, *KNOWN)
    does(ADA, "Product Added", "chair")

    products = shown(limit=10)

    assert len(products) == 10
    assert 1 <= len({*KNOWN, "chair"} & set(products)) <= 3


def test_without_anything_to_discover_known_products_fill_the_list() -> None:
    views(ADA, *KNOWN)

    assert set(shown(limit=10)) >= {"bulb", "lamp", "chair", "stool"}
    assert len(shown(limit=10)) == 8


def test_pins_of_known_products_count() -> None:
    many_products()
    create_rule(name="Rugs", wording={"effect": "pin", "position": 1, "products": ["rug", "throw"]}, actor="staff:1")
    views(ADA, *KNOWN)

    products = shown(limit=10)

    assert products[:2] == ["rug", "throw"]
    assert len(set(products) & set(KNOWN)) <= 3


def test_share_of_own_products_does_not_limit_their_list() -> None:
    views(ADA, *KNOWN)

    assert shown("recent") == list(reversed(KNOWN))


def test_sold_out_products_need_the_placement_or_the_request() -> None:
    from personalization.selectors.placements import Filters

    views(ADA, "mug")
    kitchen = Filters(category=("Kitchen",))

    assert "mug" not in shown(limit=20)
    assert shown("recent") == []
    assert shown(filters=Filters(category=("Kitchen",), in_stock=False)) == ["mug"]

    save_placement("home", data={"sold_out": True}, actor="staff:1")
    assert set(shown(filters=kitchen)) == {"mug", "bowl"}
    assert shown(filters=Filters(category=("Kitchen",), in_stock=True)) == ["bowl"]
