"""Every registered event type: what it refuses, what it reads, and that odd input never breaks the reading."""

import json
import math
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from events import types
from events.types.base import SIGNALS, Event
from events.types.event_type import EventType
from events.types.ga4 import NAMES
from events.types.registry import EVENT_TYPES, custom, event_type, interactions

CANONICAL = """
Products Searched · Product List Viewed · Product List Filtered · Promotion Viewed · Promotion Clicked · Product Clicked
· Product Viewed · Product Added · Product Removed · Cart Viewed · Checkout Started · Checkout Step Viewed
· Checkout Step Completed · Payment Info Entered · Order Completed · Order Updated · Order Refunded · Order Cancelled
· Coupon Entered · Coupon Applied · Coupon Denied · Coupon Removed · Product Added to Wishlist · Product Reviewed
· Experiment Viewed · Page Engaged · Product Hovered · Preference Given · Recommendation Served · Consent Updated
· Segment Entered · Segment Left
"""


def happened(name: str, properties: dict[str, Any], kind: Any = "track") -> Event:
    return Event("m1", kind, name, at=5, received_at=6, user_id="ada", properties=properties)


def test_every_name_of_the_contract_is_known_in_any_case() -> None:
    names = [name.strip() for name in CANONICAL.replace("\n", " ").split("·")]

    assert set(names) <= set(EVENT_TYPES)
    assert all(event_type(name.upper()) is EVENT_TYPES[name] for name in names)
    assert set(NAMES.values()) <= set(EVENT_TYPES)


@pytest.mark.parametrize(
    "name",
    [" recommendation  served ", "Recommendation\u00a0Served", "RECOMMENDATION\tSERVED", "Recommend\u200bation Served",
     "\uff32ecommendation Served"],
)  # fmt: skip
def test_blanks_and_invisible_letters_hide_no_type(name: str) -> None:
    assert event_type(name).server_only


def test_an_unknown_name_is_a_custom_type_that_refuses_nothing() -> None:
    assert event_type("Trumpet Blown") == custom("Trumpet Blown")
    assert event_type("Trumpet Blown").validate({"product_id": None, "products": 7}) == []


@pytest.mark.parametrize("name", list(EVENT_TYPES))
def test_each_type_says_what_it_is_and_why_it_is_kept(name: str) -> None:
    kind = EVENT_TYPES[name]

    assert kind.summary.endswith(".")
    assert kind.purpose in {"essential", "analytics", "personalization", "experiments"}
    assert len({field.name for field in kind.fields}) == len(kind.fields)
    assert all(field.note for field in kind.fields)


def test_every_type_of_the_folder_is_in_the_registry_by_a_name_of_its_own() -> None:
    for module in [import_module(f"{types.__name__}.{file.stem}") for file in Path(*types.__path__).glob("*.py")]:
        for constant, value in vars(module).items():
            if isinstance(value, EventType):
                known = EVENT_TYPES.get(value.name)
                assert known is value, f"registry.py needs {constant}, alone with the name {value.name}"
    assert len({name.lower() for name in EVENT_TYPES}) == len(EVENT_TYPES), "names are read in any case"


ONE = {"product_id": "P1", "price": "9.50", "quantity": 2, "list_id": "r1"}
MANY = {"order_id": "o1", "list_id": "r2", "products": [ONE, {"sku": 7}]}


@pytest.mark.parametrize("name", [name for name, result in EVENT_TYPES.items() if result.reader])
def test_a_reader_reads_signals_that_are_there(name: str) -> None:
    result = interactions(happened(name, {**ONE, **MANY, "rating": 4}), currency="EUR")

    assert result, "it reads nothing of an event that names products and stars: leave `reader` out"
    assert {one.signal for one in result} <= set(SIGNALS)


@pytest.mark.parametrize(
    ("name", "signal"),
    [
        ("Product Viewed", "view"),
        ("Product Clicked", "click"),
        ("Product Hovered", "hover"),
        ("Page Engaged", "engage"),
        ("Product Added", "cart"),
        ("Product Removed", "remove"),
        ("Product Added to Wishlist", "wishlist"),
        ("Wishlist Product Added to Cart", "cart"),
    ],
)
def test_an_event_about_one_product_is_one_interaction(name: str, signal: str) -> None:
    (interaction,) = interactions(happened(name, ONE), currency="EUR")

    assert (interaction.signal, interaction.product_id, interaction.quantity, interaction.price) == (
        signal,
        "P1",
        2.0,
        9.5,
    )
    assert (interaction.message_id, interaction.at, interaction.value, interaction.recommendation_id) == (
        "m1",
        5,
        1.0,
        "r1",
    )


@pytest.mark.parametrize(("name", "signal"), [("Checkout Started", "checkout"), ("Order Completed", "purchase")])
def test_an_event_about_many_products_is_one_interaction_each(name: str, signal: str) -> None:
    first, second = interactions(happened(name, MANY), currency="EUR")

    assert (first.signal, first.product_id, first.recommendation_id) == (signal, "P1", "r1")
    assert (second.signal, second.product_id, second.recommendation_id) == (signal, "7", "r2")
    assert (first.order_id, second.quantity, second.price) == ("o1", 1.0, None)


@pytest.mark.parametrize(
    ("name", "properties", "signal", "value"),
    [
        ("Product Reviewed", {"product_id": "P1", "rating": 4}, "rating", 4.0),
        ("Preference Given", {"product_id": "P1", "rating": "4.5"}, "rating", 4.5),
        ("Preference Given", {"product_id": "P1", "liked": True}, "like", 1.0),
        ("Preference Given", {"product_id": "P1", "liked": False}, "rating", 1.0),
    ],
)
def test_feedback_is_a_rating_or_a_like(name: str, properties: dict[str, Any], signal: str, value: float) -> None:
    (one,) = interactions(happened(name, properties), currency="EUR")

    assert (one.signal, one.value) == (signal, value)


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("Preference Given", {"product_id": "P1"}),
        ("Page Engaged", {"seconds": 3}),
        ("Product List Viewed", MANY),
        ("Order Cancelled", MANY),
        ("Trumpet Blown", MANY),
    ],
)
def test_what_says_nothing_of_a_product_is_no_interaction(name: str, properties: dict[str, Any]) -> None:
    assert interactions(happened(name, properties), currency="EUR") == []


def test_only_track_events_are_read() -> None:
    assert interactions(happened("Product Viewed", ONE, kind="page"), currency="EUR") == []


@pytest.mark.parametrize(
    ("name", "properties", "field"),
    [
        ("Product Viewed", {}, "properties.product_id"),
        ("Product Viewed", {"product_id": ["P1"]}, "properties.product_id"),
        ("Product Viewed", {"product_id": "P1", "price": -1}, "properties.price"),
        ("Product Viewed", {"product_id": "P1", "currency": "Euro"}, "properties.currency"),
        ("Product Added", {"product_id": "P1", "quantity": 0}, "properties.quantity"),
        ("Product Added", {"product_id": "P1", "price": "12_50"}, "properties.price"),
        ("Product Reviewed", {"product_id": "P1", "rating": 6}, "properties.rating"),
        ("Order Completed", {"products": []}, "properties.order_id"),
        ("Order Completed", {"order_id": "o1", "products": {}}, "properties.products"),
        ("Order Completed", {"order_id": "o1", "products": [ONE, 3]}, "properties.products[1]"),
        ("Order Completed", {"order_id": "o1", "products": [{"price": 3}]}, "properties.products[0].product_id"),
        ("Order Completed", {"order_id": "o1", "revenue": "much"}, "properties.revenue"),
        ("Experiment Viewed", {}, "properties.experiment_id"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(name: str, properties: dict[str, Any], field: str) -> None:
    assert [error.field for error in event_type(name).validate(properties)] == [field]


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize("name", list(EVENT_TYPES))
def test_an_empty_text_is_as_little_told_as_null(name: str, nothing: Any) -> None:
    event_type = EVENT_TYPES[name]
    needed = {"product_id": "P1", "order_id": "o1", "experiment_id": "x", "recommendation_id": "r1", "segment": "vip"}
    properties = {field.name: needed[field.name] if field.required else nothing for field in event_type.fields}
    empty = {**properties, "products": [{"product_id": "P1", "price": nothing, "quantity": nothing}]}

    assert event_type.validate(properties) == []
    assert event_type.validate(empty) == []
    assert [error.field for error in event_type.validate(dict.fromkeys(properties, nothing))] == [
        f"properties.{field.name}" for field in event_type.fields if field.required
    ]


@pytest.mark.parametrize("quantity", [0, -2, "-1"])
def test_a_quantity_or_a_price_that_cannot_be_is_as_if_it_were_not_told(quantity: Any) -> None:
    (interaction,) = interactions(
        happened("Product Viewed", {"product_id": "P1", "quantity": quantity}), currency="EUR"
    )
    (other,) = interactions(happened("Product Reviewed", {"sku": 7, "rating": 4, "price": "-1"}), currency="EUR")

    assert (interaction.quantity, other.price) == (1.0, None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = [
    "product_id",
    "sku",
    "id",
    "price",
    "quantity",
    "rating",
    "liked",
    "list_id",
    "order_id",
    "products",
    "revenue",
]
product_like = st.dictionaries(st.sampled_from(FIELDS), json_values)
properties_like = st.dictionaries(st.sampled_from(FIELDS), json_values | st.lists(product_like, max_size=3))


@given(st.sampled_from(list(EVENT_TYPES)), properties_like)
@example("Product Viewed", {"product_id": "P1", "quantity": 0})
@example("Product Hovered", {"product_id": "P1", "price": -1})
def test_any_properties_are_judged_and_read_without_an_error(name: str, properties: dict[str, Any]) -> None:
    errors = event_type(name).validate(properties)

    for interaction in interactions(happened(name, properties), currency="EUR"):
        assert interaction.signal in SIGNALS
        assert interaction.product_id
        assert math.isfinite(interaction.quantity)
        assert math.isfinite(interaction.value)
        assert errors or (interaction.quantity > 0 and (interaction.price is None or interaction.price >= 0))
        json.dumps(asdict(interaction), allow_nan=False)


texts = st.text(max_size=5)
events = st.builds(
    Event,
    message_id=st.text(min_size=1, max_size=5),
    kind=st.sampled_from(["track", "page"]),
    name=texts,
    at=st.integers(0, 2**53),
    received_at=st.integers(0, 2**53),
    user_id=st.none() | st.text(min_size=1, max_size=5),
    anonymous_id=st.text(min_size=1, max_size=5),
    properties=st.dictionaries(texts, st.integers(-(2**53), 2**53) | texts, max_size=3),
    consents=st.dictionaries(texts, st.booleans(), max_size=3),
    allowed=st.tuples(texts, texts) | st.just(()),
)


@given(events)
def test_an_event_is_decoded_as_it_was_encoded(event: Event) -> None:
    assert Event.decode(event.encode()) == event
