"""What items carry, `fields`, attribute filters, and pages by cursor."""

from typing import TYPE_CHECKING, Any

import pytest

from catalog.services import bulk_upsert
from personalization.api.examples import ANSWER, PAGE, QUESTION, RANK, RANKED
from personalization.services.placements import save_placement
from personalization.serving.page_cursor import MOST_SHOWN, cursor_of, hashes_in, id_hash
from tests.personalization.shop import ADA, inside, views
from tests.recsys.furniture import PRODUCTS

if TYPE_CHECKING:
    from rest_framework.test import APIClient

HOME = "/api/v1/recommendations/home"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live_model")]


@pytest.fixture(autouse=True)
def dressed(live_model: None) -> None:
    """Give three products a former price, a stock or attributes."""
    rows: list[dict[str, Any]] = [
        {
            "product_id": "rug",
            "compare_at_price": "80",
            "stock": None,
            "attributes": {"color": ["Red", "Écru"], "size": 2},
        },
        {"product_id": "throw", "stock": 3, "attributes": {"color": "red", "washable": True}},
        {"product_id": "lamp", "stock": 9, "attributes": {"color": "black", "size": 2.5}},
    ]
    rows = [{"currency": "EUR", **PRODUCTS[row["product_id"]], **row} for row in rows]
    assert bulk_upsert(rows, actor="key:t").rejected == ()


def ids(body: Any) -> list[str]:
    """Return the product ids of a body."""
    return [item["product_id"] for item in body["items"]]


def by_id(body: Any) -> dict[str, Any]:
    """Return the items by product id."""
    return {item["product_id"]: item for item in body["items"]}


def test_items_carry_brand_stock_former_price_and_attributes(browser: "APIClient") -> None:
    items = by_id(browser.get(HOME, {"limit": 20}).json())

    extras = ("brand", "stock", "price", "compare_at_price", "attributes")
    assert [items["rug"][name] for name in extras] == [
        "Weft", None, "60.00", "80.00", {"color": ["Red", "Écru"], "size": 2}
    ]  # fmt: skip
    assert [items["throw"][name] for name in extras] == [
        "Weft", 3, "30.00", None, {"color": "red", "washable": True}
    ]  # fmt: skip
    assert "cost" not in items["rug"]


@pytest.mark.parametrize("query", [{"fields": "title,price"}, {"fields": ["title", "price"]}])
def test_fields_choose_what_items_hold(browser: "APIClient", query: dict[str, Any]) -> None:
    body = browser.get(HOME, {**query, "limit": 3}).json()

    assert [list(item) for item in body["items"]] == [["product_id", "position", "title", "price"]] * 3
    assert set(body) == set(ANSWER)


def test_fields_of_a_body_and_of_a_slot(browser: "APIClient") -> None:
    posted = browser.post(HOME, {"fields": ["brand"], "limit": 1}, format="json").json()
    slots = [{"placement": "home", "fields": "stock", "limit": 1}, {"placement": "trending", "limit": 1}]
    page = browser.post("/api/v1/page", {"placements": slots}, format="json").json()["placements"]

    assert set(posted["items"][0]) == {"product_id", "position", "brand"}
    assert set(page["home"]["items"][0]) == {"product_id", "position", "stock"}
    assert set(page["trending"]["items"][0]) == set(ANSWER["items"][0])


def test_explanation_comes_whatever_the_fields(server: "APIClient") -> None:
    query: dict[str, Any] = {"fields": "title", "explain": "true", "limit": 1}
    item = server.get(HOME, query).json()["items"][0]

    assert set(item) == {"product_id", "position", "title", "explain"}


@pytest.mark.parametrize("fields", ["cost", "title,colour", "", ["title", "product_id"]])
def test_unknown_field_is_refused_by_name(browser: "APIClient", fields: Any) -> None:
    response = browser.get(HOME, {"fields": fields})

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"].startswith("fields")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"attributes[color]": "red"}, {"rug", "throw"}),
        ({"attributes[color]": "ÉCRU"}, {"rug"}),
        ({"attributes[color]": ["red", "black"]}, {"rug", "throw", "lamp"}),
        ({"attributes[color]": "red", "attributes[washable]": "true"}, {"throw"}),
        ({"attributes[size]": "2"}, {"rug"}),
        ({"attributes[size]": "2.5"}, {"lamp"}),
        ({"attributes[Color]": "red"}, set()),
        ({"attributes[material]": "oak"}, set()),
        ({"attributes[color]": "red", "exclude": "rug"}, {"throw"}),
    ],
)
def test_filter_by_attributes(browser: "APIClient", query: dict[str, Any], expected: set[str]) -> None:
    assert set(ids(browser.get(HOME, {**query, "limit": 10}).json())) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"color": "red"}, {"rug", "throw"}),
        ({"color": ["black", "écru"]}, {"rug", "lamp"}),
        ({"washable": True}, {"throw"}),
        ({"size": 2.5}, {"lamp"}),
        ({"size": [2, "9"]}, {"rug"}),
        ({}, {"rug", "throw", "lamp", "bulb", "bowl", "chair", "stool", "desk"}),
    ],
)
def test_attributes_in_a_body(browser: "APIClient", attributes: dict[str, Any], expected: set[str]) -> None:
    body = browser.post(HOME, {"attributes": attributes, "limit": 10, "exclude": ["desk-xl"]}, format="json").json()

    assert set(ids(body)) == expected


@pytest.mark.parametrize(
    "attributes",
    [
        "color=red", ["color"], {"color": []}, {"color": {"a": 1}}, {"color": None}, {"color": [["red"]]},
        {"color": ["x"] * 51}, {f"a{n}": "x" for n in range(21)}, {"n" * 101: "x"}, {"a\x00": "x"}, {"a": "x\x00"},
    ],
)  # fmt: skip
def test_malformed_attributes_are_refused_by_name(browser: "APIClient", attributes: Any) -> None:
    response = browser.post(HOME, {"attributes": attributes}, format="json")

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"].startswith("attributes")


def test_attributes_without_a_name_are_refused(browser: "APIClient") -> None:
    assert browser.get(HOME, {"attributes": "red"}).json()["errors"][0]["field"] == "attributes"
    assert browser.get(HOME, {"attributes[color]": ""}).json()["errors"][0]["field"].startswith("attributes")


def test_placement_filters_by_attributes_and_a_request_by_others(browser: "APIClient") -> None:
    save_placement("home", data={"filters": {"attributes": {"color": ["red"]}}}, actor="staff:1")

    assert set(ids(browser.get(HOME).json())) == {"rug", "throw"}
    assert ids(browser.get(HOME, {"attributes[washable]": "true"}).json()) == ["throw"]
    assert ids(browser.get(HOME, {"attributes[color]": "black"}).json()) == ["lamp"]


@pytest.mark.parametrize("placement", ["home", "trending", "product", "onboarding"])
def test_pages_hold_every_product_once(browser: "APIClient", placement: str) -> None:
    views(inside(ADA), "rug", "bulb")
    address, query = f"/api/v1/recommendations/{placement}", {**ADA, "limit": 3, "product_id": "chair"}

    pages: list[Any] = []
    cursor: str | None = ""
    while cursor is not None and len(pages) < 9:
        body = browser.get(address, {**query, "cursor": cursor}).json()
        pages.append(body)
        cursor = body["next_cursor"]

    items = [item for body in pages for item in body["items"]]
    assert [len(body["items"]) for body in pages] == [3, 3, 2 if placement != "product" else 1]
    assert [item["position"] for item in items] == list(range(1, len(items) + 1))
    assert len({item["product_id"] for item in items}) == len(items)
    assert len({body["recommendation_id"] for body in pages}) == len(pages)


def test_next_page_repeats_nothing_when_the_shopper_moved_on(browser: "APIClient") -> None:
    first = browser.get(HOME, {**ADA, "limit": 4}).json()
    views(inside(ADA), "rug", "lamp", "chair")

    second = browser.get(HOME, {**ADA, "limit": 4, "cursor": first["next_cursor"]}).json()

    assert len(second["items"]) == 4
    assert set(ids(first)).isdisjoint(ids(second))


def test_pages_of_what_was_looked_at_end_with_it(browser: "APIClient") -> None:
    views(inside(ADA), "rug", "bulb", "lamp")
    recent = "/api/v1/recommendations/recent"

    first = browser.get(recent, {**ADA, "limit": 2}).json()
    second = browser.get(recent, {**ADA, "limit": 2, "cursor": first["next_cursor"]}).json()

    assert (ids(first), ids(second)) == (["lamp", "bulb"], ["rug"])
    assert second["next_cursor"] is None


@pytest.mark.parametrize("cursor", ["?", "abc", "AAA", "3cqgpA=", "é", "x" * 4_000, "AAAA" * 700])
def test_what_is_no_cursor_is_refused_by_name(browser: "APIClient", cursor: str) -> None:
    response = browser.get(HOME, {"cursor": cursor})

    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["cursor"]


def test_longest_cursor_is_read_and_has_no_next_page(browser: "APIClient") -> None:
    cursor = cursor_of(range(MOST_SHOWN))

    query: dict[str, Any] = {"cursor": cursor, "limit": 1}
    body = browser.get(HOME, query).json()

    assert hashes_in(cursor) == tuple(range(MOST_SHOWN))
    assert body["items"][0]["position"] == MOST_SHOWN + 1
    assert body["next_cursor"] is None


def test_cursor_of_the_example() -> None:
    assert cursor_of([id_hash("P456")]) == ANSWER["next_cursor"]


def test_rank_of_a_stranger_keeps_the_order_of_the_shop(browser: "APIClient") -> None:
    order = ["bowl", "rug", "desk", "mug", "lamp"]

    def ranked(**who: Any) -> Any:
        return browser.post("/api/v1/rank", {**who, "product_ids": order}, format="json").json()

    for stranger in ({}, {"anonymous_id": "stranger"}, {"user_id": "cy"}, {**ADA, "personalized": False}):
        body = ranked(**stranger)
        assert (body["product_ids"], body["personalized"]) == (order, False), stranger
    views(inside(ADA), "rug")
    assert ranked(**ADA)["product_ids"][0] == "rug"
    assert ranked(**ADA)["personalized"] is True


@pytest.mark.usefixtures("stocked_shop")
def test_answers_conform_to_the_documented_schemas(browser: "APIClient") -> None:
    import jsonschema

    views(inside(ADA), "rug")
    document = browser.get("/api/schema", headers={"Accept": "application/json"}).json()
    answers = {
        "AnswerBody": browser.get(HOME, {**ADA, "limit": 4}).json(),
        "RankBody": browser.post("/api/v1/rank", RANK, format="json").json(),
        "PageBody": browser.post("/api/v1/page", PAGE, format="json").json(),
        "RecommendFieldsRequest": QUESTION,
    }
    answers_by_schema = [*answers.items(), ("AnswerBody", ANSWER), ("RankBody", RANKED), ("PageFieldsRequest", PAGE)]
    for name, body in answers_by_schema:
        jsonschema.validate(body, {"$ref": f"#/components/schemas/{name}", "components": document["components"]})


def test_codes_of_hashes_are_found_where_two_products_share_one() -> None:
    import numpy as np

    from personalization.serving.page_cursor import codes_of_hashes

    hashes = np.array([9, 2**32 - 1, 9, 4], np.uint32)
    order = np.argsort(hashes, kind="stable").astype(np.int32)

    assert codes_of_hashes(hashes, order, (9, 5)).tolist() == [0, 2]
    assert codes_of_hashes(hashes, order, (2**32 - 1,)).tolist() == [1]
    assert codes_of_hashes(hashes, order, (5,)).tolist() == []
