"""Which fields of an event are kept for which consent, by the list alone."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.field_list import ANY, Allowance, FieldList, uses
from events.types.orders import order_of
from events.types.registry import EVENT_TYPES
from tests.events.builders import event

ATTRIBUTES = ("age",)
LIST = FieldList(
    [
        Allowance("properties.color", ("analytics",), "list"),
        Allowance("properties.products[].brand", ("personalization",), "list"),
        Allowance("properties.minutes", ("experiments",), "metric", "Chair Sat On"),
        Allowance("context.till", ("essential",), "list"),
    ],
    attributes=ATTRIBUTES,
)
LINE = {"product_id": "P1", "price": 5, "quantity": 2}
CONTEXT = {"region": "DE", "page": {"path": "/"}, "device": {"type": "mobile"}, "locale": "de", "till": 4}
PAID = {"order_id": "O1", "total": 10, "currency": "EUR"}


@pytest.mark.parametrize(
    ("fields", "allowed", "properties", "traits", "context"),
    [
        pytest.param(
            {"name": "Order Completed", "properties": {**PAID, "color": "x", "list_id": "r",
             "products": [{**LINE, "list_id": "r", "brand": "b"}]}, "context": CONTEXT},
            (), {**PAID, "list_id": "r", "products": [{**LINE, "list_id": "r"}]}, {}, {"region": "DE", "till": 4},
            id="order, nothing allowed",
        ),
        pytest.param(
            {"name": "Order Completed", "properties": {**PAID, "color": "x",
             "products": [{**LINE, "list_id": "r", "brand": "b"}]}, "context": CONTEXT},
            ("analytics",), {**PAID, "color": "x", "products": [{**LINE, "list_id": "r"}]}, {},
            {one: CONTEXT[one] for one in ("region", "page", "device", "till")}, id="order, analytics",
        ),
        pytest.param(
            {"name": "Product Viewed", "properties": {"sku": "P1", "color": "x", "mood": 1}},
            ("personalization",), {"sku": "P1"}, {}, {}, id="view, personalization",
        ),
        pytest.param(
            {"name": "Product Viewed", "properties": {"sku": "P1", "color": "x", "mood": 1}},
            ("analytics",), {"sku": "P1", "color": "x"}, {}, {}, id="view, analytics",
        ),
        pytest.param(
            {"name": "Chair Sat On", "properties": {"minutes": 1, "mood": 1, "product_id": "P1"}},
            ("analytics",), {"product_id": "P1"}, {}, {}, id="custom, analytics",
        ),
        pytest.param(
            {"name": "Chair Sat On", "properties": {"minutes": 1, "mood": 1}},
            ("analytics", "experiments"), {"minutes": 1}, {}, {}, id="custom, read by a metric",
        ),
        pytest.param(
            {"kind": "identify", "name": "", "properties": {}, "traits": {"age": 3, "firstName": "A", "shoe": 4}},
            ("analytics",), {}, {"firstName": "A"}, {}, id="identify, analytics",
        ),
        pytest.param(
            {"kind": "identify", "name": "", "properties": {}, "traits": {"age": 3, "firstName": "A", "shoe": 4}},
            ("personalization",), {}, {"age": 3, "firstName": "A"}, {}, id="identify, personalization",
        ),
        pytest.param(
            {"kind": "page", "name": "Home", "properties": {"category": "c", "url": "u", "x": 1}},
            ("personalization",), {"category": "c"}, {}, {}, id="page, personalization",
        ),
        pytest.param(
            {"name": "Recommendation Served", "properties": {"recommendation_id": "r", "rules": 1}},
            ("analytics",), {"recommendation_id": "r", "rules": 1}, {}, {}, id="the server's own",
        ),
    ],
)  # fmt: skip
def test_kept_is_what_an_allowed_purpose_needs(
    fields: dict[str, Any], allowed: tuple[str, ...], properties: Any, traits: Any, context: Any
) -> None:
    kept, _ = LIST.minimized(event(1, **fields, allowed=allowed))

    assert (kept.properties, kept.traits, kept.context) == (properties, traits, context)


def test_drops_say_whether_any_purpose_needs_the_field() -> None:
    properties = {"minutes": 1, "mood": 1, "products": [{"brand": 1}, {"size": 2}]}
    sent = event(1, name="Chair Sat On", properties=properties, context=CONTEXT, allowed=("analytics",))

    _, drops = LIST.minimized(sent)

    assert drops.unlisted == ("properties.mood", "properties.products[].size", "context.locale")
    assert drops.refused == ("properties.minutes", "properties.products[].brand")


@settings(max_examples=200)
@given(
    st.sampled_from(sorted(EVENT_TYPES)),
    st.sets(st.sampled_from(["analytics", "personalization", "experiments", "train_models"])),
    st.dictionaries(st.text(max_size=8), st.integers(), max_size=5),
)
def test_fields_that_an_event_needs_survive(name: str, allowed: set[str], more: dict[str, int]) -> None:
    kind = EVENT_TYPES[name]
    if not ({*uses("track", name)} & {*allowed, "essential"}):
        return  # such an event is not kept at all
    needed: dict[str, Any] = {one.name: "1" for one in kind.fields if one.required and one.name != "products"}
    money = {"order_id": "1", "total": "5", "revenue": "4", "tax": "1", "currency": "EUR", "products": [LINE]}
    sent = event(1, name=name, properties={**more, **needed, **money}, allowed=tuple(sorted(allowed)))

    kept, _ = LIST.minimized(sent)

    assert needed.items() <= kept.properties.items()
    assert order_of(kept) == order_of(sent)
    assert kept.properties["products"] == [LINE]
    assert (kept.message_id, kept.name, kept.at, kept.raw_id) == (sent.message_id, sent.name, sent.at, sent.raw_id)


def test_an_event_without_other_fields_is_not_copied() -> None:
    sent = event(1)

    assert LIST.minimized(sent)[0] is sent


def test_any_name_of_a_part_may_be_allowed() -> None:
    every = FieldList([Allowance(f"properties.{ANY}", ("analytics",), "list")])

    assert every.minimized(event(1, properties={"mood": 1}))[0].properties == {"mood": 1}
    assert every.minimized(event(1, properties={"mood": 1}, allowed=("personalization",)))[0].properties == {}
