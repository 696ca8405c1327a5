"""The OpenAPI document begins with what a developer needs first, and its example bodies are taken as they stand."""

import json
from typing import Any

import pytest
from django.test import Client

from access.scopes import SCOPE_NAMES
from access.services import create_key
from common.openapi_order import ONE_LETTER
from events.types.registry import EVENT_TYPES

pytestmark = pytest.mark.django_db
FIELDS = {"{subject}": "user:U1", "{product_id}": "P456", "{placement}": "home"}


@pytest.fixture
def document(client: Client) -> dict[str, Any]:
    """The OpenAPI document."""
    body: dict[str, Any] = client.get("/api/schema", headers={"Accept": "application/json"}).json()
    return body


def examples(document: dict[str, Any], path: str, method: str = "post") -> list[tuple[str, Any]]:
    """Return media type and value of each example of a request's body."""
    content = document["paths"][path][method]["requestBody"]["content"]
    return [(kind, one["value"]) for kind, media in content.items() for one in media.get("examples", {}).values()]


def test_what_a_developer_needs_first_comes_first(document: dict[str, Any]) -> None:
    tags = [tag["name"] for tag in document["tags"]]

    assert tags[:3] == ["collect", "recommend", "catalog"]
    assert tags[-1] == ONE_LETTER
    assert next(iter(document["paths"])) == "/v1/track"
    assert [len(path) == len("/v1/x") for path in document["paths"] if path.startswith("/v1/")][-8:] == [True] * 8
    start = document["info"]["description"]
    assert "### Start here" in start
    assert "consent given later does not count" in " ".join(start.split())
    assert [f"{number}." in start for number in range(1, 6)] == [True] * 5


def test_names_of_events_and_purposes_are_listed(document: dict[str, Any]) -> None:
    event = document["components"]["schemas"]["EventRequest"]["properties"]

    assert "Product Added to Wishlist" in event["event"]["description"]
    assert "Recommendation Served" not in event["event"]["description"]
    assert "analytics, personalization, cross_device, train_models" in event["context"]["description"]
    decisions = document["components"]["schemas"]["DecisionsRequest"]["properties"]["decisions"]
    assert "train_models" in decisions["description"]


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/v1/track", "post"),
        ("/v1/batch", "post"),
        ("/v1/identify", "post"),
        ("/v1/page", "post"),
        ("/v1/screen", "post"),
        ("/v1/group", "post"),
        ("/v1/alias", "post"),
        ("/api/v1/products/{product_id}", "put"),
        ("/api/v1/products/bulk", "post"),
        ("/api/v1/consents/{subject}", "put"),
    ],
)
def test_example_bodies_are_taken(document: dict[str, Any], path: str, method: str) -> None:
    _, secret = create_key(kind="sk", name="server", scopes=sorted(SCOPE_NAMES))
    shown = examples(document, path, method)
    address = path
    for field, value in FIELDS.items():
        address = address.replace(field, value)

    answers = [
        Client(headers={"authorization": f"Bearer {secret}"}).generic(
            method.upper(), address, value if isinstance(value, str) else json.dumps(value), content_type=kind
        )
        for kind, value in shown
        if kind != "multipart/form-data"
    ]

    assert answers
    assert [(answer.status_code, answer.content) for answer in answers if answer.status_code not in (200, 201)] == []
    assert [answer["Vitrine-Set-Aside"] for answer in answers if "Vitrine-Set-Aside" in answer] == []


def test_an_order_and_a_click_carry_the_id_of_the_list(document: dict[str, Any]) -> None:
    bodies = {value["event"]: value["properties"] for _, value in examples(document, "/v1/track")}

    assert set(bodies) <= set(EVENT_TYPES)
    assert bodies["Order Completed"]["products"][0]["list_id"] == bodies["Product Clicked"]["list_id"]
