"""What people buy again may be shown to its buyers; what they bought once and for all is not."""

import numpy as np
import pytest

from catalog.services import bulk_upsert
from personalization.services.recommend import recommend
from personalization.serving.answers import Item
from personalization.serving.asking import Ask, Who
from personalization.serving.snapshot_refresher import snapshot_refresher
from tests.personalization.shop import ADA, does, views
from tests.recsys.furniture import PRODUCTS

pytestmark = pytest.mark.django_db
PLACEMENTS = ("home", "product", "similar", "cart", "trending")


def items(placement: str = "home", **fields: object) -> list[Item]:
    """Return what Ada is shown."""
    ask = Ask(placement=placement, who=Who(**ADA), limit=20, explores=False, **fields)  # type: ignore[arg-type]
    return list(recommend(ask).items)


def buys(*product_ids: str) -> None:
    """Let Ada buy products."""
    does(ADA, "Order Completed", "", order_id="O1", products=[{"product_id": one} for one in product_ids])


@pytest.mark.usefixtures("repeat_model")
def test_you_bought_this_before_is_said_of_what_people_buy_again() -> None:
    buys("bulb", "lamp")

    reasons = {item.product_id: item.reason for item in items()}

    assert (reasons["bulb"].code, reasons["bulb"].text) == ("buy_again", "You bought this before")
    assert "lamp" not in reasons


@pytest.mark.usefixtures("repeat_model")
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_owned_products_are_not_shown(placement: str) -> None:
    buys("lamp", "rug")

    products = [item.product_id for item in items(placement, product_ids=("desk",))]

    assert products
    assert not {"lamp", "rug"} & set(products)


@pytest.mark.usefixtures("repeat_model")
def test_what_was_looked_at_lists_what_was_bought_since() -> None:
    views(ADA, "lamp")
    buys("lamp")

    (lamp,) = items("recent")

    assert (lamp.product_id, lamp.reason.text) == ("lamp", "You looked at this lately")


@pytest.mark.usefixtures("repeat_model")
def test_owned_products_are_shown_if_there_is_nothing_else() -> None:
    buys(*PRODUCTS)

    assert {item.product_id for item in items("cart", product_ids=("bulb", "bowl"))}
    assert not any(item.reason.code == "buy_again" and item.product_id != "bulb" for item in items())


@pytest.mark.usefixtures("stocked_shop")
def test_without_a_model_nothing_is_bought_again() -> None:
    buys("bulb")

    assert "bulb" not in [item.product_id for item in items()]


@pytest.mark.usefixtures("repeat_model")
def test_new_product_is_bought_again_like_its_category() -> None:
    fields = {"currency": "EUR", "stock": 5, "price": "5.00"}
    rows = [
        {"product_id": "bulb-2", "title": "Cold bulb", "category": ["Light", "Bulbs"], **fields},
        {"product_id": "rug-2", "title": "Jute rug", "category": ["Textiles"], **fields},
        {"product_id": "lamp-2", "title": "Floor lamp", "category": ["Light"], **fields},
    ]
    bulk_upsert(rows, actor="key:t")
    snapshot = snapshot_refresher.current()
    mask = dict(
        zip(
            snapshot.serving_catalog.columns.product_ids, np.isfinite(snapshot.repurchase_seconds).tolist(), strict=True
        )
    )

    assert mask["bulb"]
    assert mask["lamp-2"], "its category, lamps and bulbs, is bought again"
    assert not mask["rug-2"]
