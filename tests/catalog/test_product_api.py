"""One product over REST: PUT replaces, GET returns, DELETE removes, rubbish is refused by the name of its field."""

from typing import Any

import pytest
from django.conf import settings
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient

from access.services import create_key
from audit import selectors as audit
from catalog import selectors
from catalog.models import Product
from common.redis import client as redis_client

URL = "/api/v1/products/P456"


def test_put_makes_the_product_of_the_contract(shop: APIClient, chair: dict[str, Any]) -> None:
    answer = shop.put(URL, chair, format="json")

    assert answer.status_code == 201
    assert answer.json() == {"product_id": "P456", **chair}
    assert shop.get(URL).json() == {"product_id": "P456", **chair}


def test_put_replaces_what_it_does_not_name(shop: APIClient, chair: dict[str, Any]) -> None:
    shop.put(URL, chair, format="json")

    answer = shop.put(URL, {"title": "Oak chair", "price": 95}, format="json")

    assert answer.status_code == 200
    assert answer.json()["price"] == "95.00"
    assert answer.json()["currency"] == settings.SHOP_CURRENCY
    assert (answer.json()["category"], answer.json()["stock"], answer.json()["attributes"]) == ([], None, {})


def test_a_deleted_product_is_gone_until_it_is_put_again(shop: APIClient, chair: dict[str, Any]) -> None:
    shop.put(URL, chair, format="json")

    assert shop.delete(URL).status_code == 204

    assert shop.get(URL).status_code == 404
    assert shop.delete(URL).status_code == 404
    assert [(row.product_id, row.active, row.removed) for row in selectors.catalog_rows()] == [("P456", False, True)]
    assert shop.put(URL, chair, format="json").status_code == 201
    assert shop.get(URL).status_code == 200


def test_blanks_around_an_id_mean_nothing_in_any_call(shop: APIClient, chair: dict[str, Any]) -> None:
    blank = "/api/v1/products/%20P456"
    shop.put(blank, chair, format="json")

    assert shop.get(blank).json()["product_id"] == "P456"
    assert shop.delete(blank).status_code == 204
    assert shop.get(URL).status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("price", "NaN", "must be a finite number"),
        ("price", "Infinity", "must be a finite number"),
        ("price", -1, "must not be negative"),
        ("price", "1e12", "must not exceed 999999999999.9999"),
        ("price", "1e999999999", "must not exceed 999999999999.9999"),
        ("price", "1e-999999999", "must not have more than 4 decimals"),
        ("price", "9.99999", "must not have more than 4 decimals"),
        ("price", True, "must be a decimal number"),
        ("price", "12 EUR", "must be a decimal number"),
        ("price", "12_50", "must be a decimal number"),
        ("price", [], "must be a decimal number"),
        ("cost", -0.01, "must not be negative"),
        ("currency", "EURO", "must be an ISO 4217 code such as EUR"),
        ("currency", None, "must be an ISO 4217 code such as EUR"),
        ("stock", -1, "must lie between 0 and 2000000000"),
        ("stock", 10**12, "must lie between 0 and 2000000000"),
        ("stock", 1.5, "must be a whole number"),
        ("stock", "12", "must be a whole number"),
        ("active", "yes", "must be true or false"),
        ("title", "", "must not be empty"),
        ("title", None, "must be a string"),
        ("title", "x" * 501, "must not be longer than 500 characters"),
        ("title", "a\x00b", "must not hold a NUL character"),
        ("description", "\x00", "must not hold a NUL character"),
        ("category", "Chairs", "must be a list, from the widest category to the narrowest"),
        ("category", ["a"] * 11, "must not be deeper than 10"),
        ("category", [""], "must not be empty"),
        ("category", ["a\x00"], "must not hold a NUL character"),
        ("attributes", [], "must be an object of names and values"),
        ("attributes", {"a\x00": 1}, "must not hold a NUL character"),
        ("attributes", {"a": {"b": 1}}, "values must be strings, numbers, booleans or lists of them"),
        ("attributes", {"a": [[1]]}, "lists must be flat and not longer than 100"),
        ("url", "javascript:alert(1)", "must be an http(s) URL, or a path on this host"),
        ("url", "http://[", "must be a URL"),
        ("url", "//evil.example/x", "must be an http(s) URL, or a path on this host"),
        ("url", "/\\evil.example", "must be an http(s) URL, or a path on this host"),
        ("image_url", "/\t/evil.example", "must be an http(s) URL, or a path on this host"),
        ("image_url", "https://:443/x", "must be an http(s) URL, or a path on this host"),
        *(
            ("image_url", f"http://{host}/x.png", "must not be an address of a private network")
            for host in (
                "127.0.0.1",
                "127.1",
                "2130706433",
                "0x7f000001",
                "[::1]",
                "[::ffff:10.0.0.1]",
                "10.1.2.3",
                "172.16.0.1",
                "192.168.1.1",
                "169.254.169.254",
                "localhost",
                "localhost.",
                "minio",
                "pictures.internal",
            )
        ),
        ("available_from", "soon", "must be an ISO 8601 time such as 2026-11-25T08:00:00Z"),
        ("available_from", "0001-01-01T00:00:00+14:00", "is out of range"),
        ("color", "oak", "unknown field"),
    ],
)
def test_rubbish_is_refused_by_its_name_and_nothing_is_written(
    shop: APIClient, chair: dict[str, Any], field: str, value: Any, message: str
) -> None:
    answer = shop.put(URL, {**chair, field: value}, format="json")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"] == [{"field": field, "message": message}]
    assert not Product.objects.exists()
    assert audit.entries(object="product:P456") == []


def test_all_wrong_fields_are_named_at_once(shop: APIClient) -> None:
    answer = shop.put(URL, {"stock": -1, "colour": 1}, format="json")

    assert [error["field"] for error in answer.json()["errors"]] == ["colour", "price", "stock", "title"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'"text"',
        b'{"title": "a", "title": "b", "price": 1}',
        b'{"title": "a", "price": NaN}',
        b'{"title": "a", "price": 1e999}',
        b'{"title": "\\ud800", "price": 1}',
        b'{"title": "\xff", "price": 1}',
        b'{"title": "a", "price": 1, "attributes": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"title": "a", "price": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_product_at_all_is_a_400(shop: APIClient, body: bytes) -> None:
    answer = shop.put(URL, body, content_type="application/json")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert not Product.objects.exists()


@pytest.mark.parametrize("product_id", ["a" * 256, "%00", "a%7Fb", "a%0Ab"])
def test_an_id_that_cannot_be_is_refused(shop: APIClient, chair: dict[str, Any], product_id: str) -> None:
    answer = shop.put(f"/api/v1/products/{product_id}", chair, format="json")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "product_id"
    assert not Product.objects.exists()
    assert shop.get(f"/api/v1/products/{product_id}").status_code in {400, 404}
    assert shop.delete(f"/api/v1/products/{product_id}").status_code in {400, 404}


@pytest.mark.parametrize("product_id", ["P/4 5", "Stuhl-ü-日本", "😀", "."])
def test_ids_are_the_shops_own_strings(shop: APIClient, chair: dict[str, Any], product_id: str) -> None:
    assert shop.put(f"/api/v1/products/{product_id}", chair, format="json").status_code == 201

    assert shop.get(f"/api/v1/products/{product_id}").json()["product_id"] == product_id


def test_a_reader_may_not_write(shop: APIClient, chair: dict[str, Any]) -> None:
    shop.put(URL, chair, format="json")
    _, raw = create_key(kind="sk", name="reader", scopes=["catalog:read"])
    reader = APIClient(headers={"authorization": f"Bearer {raw}"})

    assert reader.get(URL).status_code == 200
    assert reader.put(URL, {**chair, "title": "Mine"}, format="json").status_code == 403
    assert reader.delete(URL).status_code == 403
    assert selectors.get("P456").title == "Oak chair"


def test_a_browser_may_not_read_costs(chair: dict[str, Any], shop: APIClient) -> None:
    shop.put(URL, chair, format="json")
    _, raw = create_key(kind="pk", name="storefront")

    assert APIClient(headers={"authorization": f"Bearer {raw}"}).get(URL).status_code == 403
    assert APIClient().get(URL).status_code == 401


def test_a_change_is_on_the_audit_log_by_its_fields(shop: APIClient, chair: dict[str, Any]) -> None:
    shop.put(URL, chair, format="json")
    shop.put(URL, chair, format="json")
    shop.put(URL, {**chair, "price": "99.00", "stock": 3}, format="json")
    shop.delete(URL)

    removed, changed, made = audit.entries(object="product:P456")

    assert (made.action, made.data["created"]) == ("product.put", True)
    assert changed.data["fields"] == ["price", "stock"]
    assert removed.action == "product.removed"
    assert changed.actor.startswith("key:")


def test_a_change_moves_the_version_after_the_commit(
    shop: APIClient, chair: dict[str, Any], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        shop.put(URL, chair, format="json")
        assert redis_client().get("v:catalog") is None

    assert redis_client().get("v:catalog") == b"1"
