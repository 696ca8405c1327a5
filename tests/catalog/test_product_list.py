"""GET /api/v1/products: pages in the order of ids, filters, secret keys with the scope only."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from access.services import create_key

URL = "/api/v1/products"


@pytest.fixture
def stocked(shop: APIClient, chair: dict[str, Any]) -> APIClient:
    """The shop with five products."""
    rows: dict[str, dict[str, Any]] = {
        "A1": {"brand": "Nord", "category": ["Furniture", "Chairs"], "attributes": {"color": "Öl"}},
        "A2": {
            "brand": "nord",
            "category": ["Furniture", "Tables"],
            "stock": 0,
            "attributes": {"color": ["öl", "red"]},
        },
        "B 1": {"brand": "Lux", "category": ["Light"], "active": False, "attributes": {"size": 2, "dim": True}},
        "B_2": {"brand": "Lux", "category": ["100% light"], "stock": None, "group_id": "b"},
        "C": {"brand": "", "category": [], "attributes": {"color": None}},
    }
    for product_id, row in rows.items():
        assert shop.put(f"{URL}/{product_id}", {**chair, "attributes": {}, "group_id": "", **row}, format="json")
    return shop


def ids(shop: APIClient, **query: Any) -> list[str]:
    """Return the ids of a page."""
    return [product["product_id"] for product in shop.get(URL, query).json()["products"]]


def test_all_products_in_pages(stocked: APIClient) -> None:
    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None and len(pages) < 9:
        query: dict[str, Any] = {"limit": 2, "cursor": cursor}
        body = stocked.get(URL, query).json()
        pages.append([product["product_id"] for product in body["products"]])
        cursor = body["next_cursor"]

    assert pages == [["A1", "A2"], ["B 1", "B_2"], ["C"]]


def test_a_listed_product_is_the_product(stocked: APIClient) -> None:
    (listed,) = stocked.get(URL, {"limit": 1}).json()["products"]

    assert listed == stocked.get(f"{URL}/A1").json()


def test_a_removed_product_is_not_listed_and_moves_no_other(stocked: APIClient) -> None:
    first = stocked.get(URL, {"limit": 2}).json()
    stocked.delete(f"{URL}/A2")

    assert ids(stocked, cursor=first["next_cursor"]) == ["B 1", "B_2", "C"]
    assert ids(stocked) == ["A1", "B 1", "B_2", "C"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"category": "furniture"}, ["A1", "A2"]),
        ({"category": "Furniture/Chairs"}, ["A1"]),
        ({"category": ["tables", "LIGHT"]}, ["A2", "B 1"]),
        ({"category": "100% light"}, ["B_2"]),
        ({"category": "%"}, []),
        ({"brand": "NORD"}, ["A1", "A2"]),
        ({"brand": ["nord", "lux"]}, ["A1", "A2", "B 1", "B_2"]),
        ({"group_id": "b"}, ["B_2"]),
        ({"active": "false"}, ["B 1"]),
        ({"in_stock": "true", "active": "true"}, ["A1", "B_2", "C"]),
        ({"in_stock": "false"}, ["A2"]),
        ({"attributes[color]": "ÖL"}, ["A1", "A2"]),
        ({"attributes[color]": ["red", "blue"]}, ["A2"]),
        ({"attributes[size]": "2", "attributes[dim]": "true"}, ["B 1"]),
        ({"attributes[color]": "öl", "attributes[size]": "2"}, []),
        ({"updated_since": "2099-01-01T00:00:00Z"}, []),
        ({"updated_since": "2020-01-01T00:00:00Z", "brand": "lux"}, ["B 1", "B_2"]),
        ({"limt": "1", "brand": "lux"}, ["B 1", "B_2"]),
    ],
)
def test_filters(stocked: APIClient, query: dict[str, Any], expected: list[str]) -> None:
    assert ids(stocked, **query) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"cursor": "?"}, "cursor"),
        ({"cursor": "AA"}, "cursor"),
        ({"in_stock": "perhaps"}, "in_stock"),
        ({"updated_since": "yesterday"}, "updated_since"),
        ({"brand": "x" * 300}, "brand"),
        ({"attributes": "red"}, "attributes"),
    ],
)
def test_a_wrong_value_is_refused_by_name(stocked: APIClient, query: dict[str, Any], field: str) -> None:
    response = stocked.get(URL, query)

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["errors"][0]["field"].startswith(field)


@pytest.mark.django_db
@pytest.mark.parametrize("path", [URL, "/api/v1/placements", "/api/v1/customers"])
def test_lists_need_a_secret_key_with_the_scope(path: str) -> None:
    def status(kind: Any, **fields: Any) -> int:
        client = APIClient()
        _, raw = create_key(kind=kind, name=kind, **fields)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {raw}")
        return int(client.get(path).status_code)

    scope = {URL: "catalog:read", "/api/v1/placements": "placements:read", "/api/v1/customers": "customers:read"}[path]
    assert APIClient().get(path).status_code == 401
    assert status("pk") == 403
    assert status("sk", scopes=["events:write"]) == 403
    assert status("sk", scopes=[scope]) == 200
