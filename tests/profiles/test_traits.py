"""Traits say what a merchandiser would say."""

from typing import Any

from events.types.base import Interaction
from profiles.traits.base import DAY, ProductInfo
from profiles.traits.registry import values

NOW = 1_790_000_000_000_000
PRODUCTS = {
    "chair": ProductInfo(("Furniture", "Chairs"), "Nord", 90.0),
    "desk": ProductInfo(("Furniture", "Desks"), "Sol", 250.0),
}


def did(signal: Any, product_id: str, *, days_ago: float = 0, **fields: Any) -> Interaction:
    return Interaction(f"m{days_ago}{product_id}", NOW - int(days_ago * DAY), signal, product_id, **fields)


def test_a_shopper_in_words() -> None:
    history = [
        did("view", "chair", days_ago=5),
        did("view", "desk", days_ago=2.5),
        did("purchase", "chair", days_ago=4, price=90.0, quantity=2.0, order_id="O1"),
        did("purchase", "lamp", days_ago=4, price=19.99, order_id="O1"),
        did("purchase", "desk", days_ago=40, price=250.0, order_id="O2"),
    ]

    traits = values(history, now=NOW, products=PRODUCTS)

    assert traits["recency_days"] == 2
    assert traits["active_days"] == 4
    assert traits["action_counts"] == {"purchase": 3, "view": 2}
    assert traits["rfm"] == {
        "recency_days": 4,
        "frequency": 2,
        "monetary": 449.99,
        "average_order_value": 225.0,
        "orders_of_unknown_worth": 0,
    }
    assert traits["last_viewed"] == ["desk", "chair"]
    assert traits["favorite_categories"] == [
        {"name": "Furniture / Chairs", "share": 0.5},
        {"name": "Furniture / Desks", "share": 0.5},
    ]
    assert traits["price_band"] == {"low": 90.0, "middle": 90.0, "high": 250.0}


def test_a_bad_rating_takes_liking_away() -> None:
    history = [did("view", "chair"), did("rating", "chair", value=1.0), did("view", "desk")]

    traits = values(history, now=NOW, products=PRODUCTS)

    assert traits["favorite_brands"] == [{"name": "Sol", "share": 1.0}]
