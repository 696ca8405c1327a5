"""GA4's names and items, as ours."""

from typing import Any

import pytest

from events.types.ga4 import translate

SOFA = {"item_id": "P1", "item_name": "Sofa", "price": 9.5, "item_category": "Home", "item_category2": "Sofas"}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("view_item", "Product Viewed"),
        ("view_item_list", "Product List Viewed"),
        ("select_item", "Product Clicked"),
        ("add_to_cart", "Product Added"),
        ("remove_from_cart", "Product Removed"),
        ("view_cart", "Cart Viewed"),
        ("begin_checkout", "Checkout Started"),
        ("add_payment_info", "Payment Info Entered"),
        ("purchase", "Order Completed"),
        ("refund", "Order Refunded"),
        ("view_promotion", "Promotion Viewed"),
        ("select_promotion", "Promotion Clicked"),
        ("search", "Products Searched"),
        ("experiment_viewed", "Experiment Viewed"),
        ("trumpet_blown", "trumpet_blown"),
    ],
)
def test_names_map_and_unknown_ones_stay(theirs: str, ours: str) -> None:
    assert [name for name, _ in translate(theirs, {})] == [ours]


def test_an_event_about_one_product_takes_it_onto_its_properties() -> None:
    ((_, properties),) = translate("view_item", {"currency": "EUR", "value": 9.5, "items": [SOFA]})

    assert properties == {
        "currency": "EUR",
        "value": 9.5,
        "product_id": "P1",
        "name": "Sofa",
        "price": 9.5,
        "category": "Home/Sofas",
    }


def test_several_items_on_an_event_about_one_product_are_several_events() -> None:
    events = translate("add_to_cart", {"items": [SOFA, {"item_id": "P2", "quantity": 3}]})

    assert [(name, properties["product_id"]) for name, properties in events] == [
        ("Product Added", "P1"),
        ("Product Added", "P2"),
    ]


def test_a_purchase_is_an_order_whose_value_is_the_revenue() -> None:
    params: dict[str, Any] = {"transaction_id": "o1", "value": 19, "tax": 3, "shipping": 5, "items": [SOFA]}

    ((name, properties),) = translate("purchase", params)

    assert name == "Order Completed"
    assert (properties["order_id"], properties["revenue"], properties["tax"]) == ("o1", 19, 3)
    assert [product["product_id"] for product in properties["products"]] == ["P1"]
    assert "value" not in properties
    assert "items" not in properties


@pytest.mark.parametrize("items", [None, 3, [3], [None], [[]], {}])
def test_odd_items_are_left_for_the_validation_to_name(items: Any) -> None:
    assert list(translate("view_item", {"items": items}))
