"""The OpenAPI document, read as generators of clients read it: what may be left out, what always comes, which media."""

from typing import Any

import pytest
from django.test import Client


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document as it is served."""
    schema: dict[str, Any] = Client().get("/api/schema?format=json").json()
    return schema


@pytest.fixture
def schemas(document: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = document["components"]["schemas"]
    return result


def test_what_a_body_may_leave_out_has_no_default_which_typescript_takes_for_always_there(
    schemas: dict[str, Any],
) -> None:
    withheld = [
        f"{schema}.{name}"
        for schema, described in schemas.items()
        for name, field in described.get("properties", {}).items()
        if "default" in field
    ]

    assert withheld == []


def test_the_default_is_told_in_words(schemas: dict[str, Any]) -> None:
    properties = schemas["RecommendFieldsRequest"]["properties"]

    assert properties["explain"]["description"].endswith(" Default: false.")
    assert properties["personalized"]["description"].endswith(" Default: true.")


def test_a_stored_product_and_a_problem_hold_every_field(schemas: dict[str, Any]) -> None:
    stored, problem = schemas["StoredProduct"], schemas["Problem"]

    assert set(stored["required"]) == set(stored["properties"])
    assert set(problem["required"]) == {"type", "title", "status", "detail"}


def test_a_bulk_upload_has_a_media_type_that_generators_know(document: dict[str, Any]) -> None:
    body = document["paths"]["/api/v1/products/bulk"]["post"]["requestBody"]

    assert body["content"]["application/octet-stream"]["schema"] == {"type": "string", "format": "binary"}


def test_operations_are_grouped_by_what_they_are_about(document: dict[str, Any]) -> None:
    groups = {tag for path in document["paths"].values() for operation in path.values() for tag in operation["tags"]}

    assert groups == {
        "audit", "catalog", "collect", "collect by one letter", "consents", "customers", "experiments",
        "privacy", "recommend",
    }  # fmt: skip


def test_a_choice_is_not_described_by_itself(schemas: dict[str, Any]) -> None:
    assert "EUR" in schemas["CurrencyEnum"]["enum"]
    assert "description" not in schemas["CurrencyEnum"]
