"""A shop on its first day: no products, no events, one. Every placement answers; training says what is missing."""

from typing import TYPE_CHECKING, Any

import pytest

from catalog.models import Product
from modelops.models import ModelVersion, RunState, TrainingRun
from modelops.services.runs import queue_training
from modelops.services.training import run_training
from personalization.models import Placement
from personalization.serving.snapshot_refresher import keeper
from tests.events.builders import START
from tests.modelops.purchases import bought, put
from tests.personalization.shop import ADA, views
from tests.recsys.furniture import PRODUCTS

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked")]
QUESTION: dict[str, Any] = {**ADA, "product_id": ["desk"]}


@pytest.fixture
def bare(stocked: None) -> None:
    """The shop before the first product."""
    Product.objects.all().delete()
    keeper.forget()


def answers(browser: "APIClient", question: dict[str, Any]) -> dict[str, Any]:
    """Return each default placement's answer; all of them with status 200."""
    found = {key: browser.get(f"/api/v1/recommendations/{key}", question) for key in defaults()}
    assert {key: response.status_code for key, response in found.items()} == dict.fromkeys(found, 200)
    return {key: response.json() for key, response in found.items()}


def defaults() -> list[str]:
    keys = sorted(Placement.objects.values_list("key", flat=True))
    assert keys == ["bundle", "cart", "home", "onboarding", "product", "recent", "similar", "trending"]
    return keys


def trained() -> TrainingRun:
    return run_training(queue_training(actor="staff:1", hand_over=False).pk)


@pytest.mark.usefixtures("bare")
def test_without_products_every_placement_answers_with_an_empty_list(browser: "APIClient") -> None:
    views(ADA, "desk")

    found = answers(browser, QUESTION)

    assert {key: body["items"] for key, body in found.items()} == dict.fromkeys(found, [])
    assert {body["degraded"] for body in found.values()} == {"no_model"}
    assert {tuple(body["unknown_products"]) for body in found.values()} == {("desk",)}


@pytest.mark.parametrize("question", [QUESTION, {}, {"anonymous_id": "stranger"}], ids=["ada", "nobody", "stranger"])
def test_without_events_every_placement_shows_products(browser: "APIClient", question: dict[str, Any]) -> None:
    found = answers(browser, question)

    for key, body in found.items():
        shown = [item["product_id"] for item in body["items"]]
        assert len(shown) == len(set(shown)) >= 4, key
        assert set(shown) <= set(PRODUCTS)
    assert not any(body["personalized"] for body in found.values())


def test_one_event_is_enough_to_be_personal_everywhere(browser: "APIClient") -> None:
    views(ADA, "rug")

    found = answers(browser, QUESTION)

    assert all(body["personalized"] and body["items"] for body in found.values())
    assert "throw" in [item["product_id"] for item in found["home"]["items"][:3]]


def test_a_shop_with_one_product_shows_it(browser: "APIClient") -> None:
    Product.objects.exclude(product_id="desk").delete()
    keeper.forget()

    found = answers(browser, dict(ADA))

    assert {key: [item["product_id"] for item in body["items"]] for key, body in found.items()} == dict.fromkeys(
        found, ["desk"]
    )


def test_a_whole_page_is_answered_too(browser: "APIClient") -> None:
    body = {**ADA, "placements": [{"placement": key, "limit": 1} for key in defaults()]}

    response = browser.post("/api/v1/page", body, format="json")

    assert response.status_code == 200
    assert all(one["items"] for one in response.json()["placements"].values())


@pytest.mark.parametrize("products", [True, False], ids=["products", "no products"])
@pytest.mark.parametrize("events", [0, 1])
def test_training_names_what_is_missing_and_changes_nothing(browser: "APIClient", products: bool, events: int) -> None:
    if not products:
        Product.objects.all().delete()
        keeper.forget()
    put([bought("m1", 1, "desk", START)] * events)

    run = trained()

    assert run.state == RunState.FAILED
    assert run.message == "at least 20 interactions are needed to hold some back for judging"
    assert ModelVersion.objects.count() == 0
    assert bool(answers(browser, {})["home"]["items"]) is products


def test_without_a_model_a_product_says_what_it_is_like(browser: "APIClient") -> None:
    views(ADA, "rug")

    found = answers(browser, QUESTION)

    because = {item["product_id"]: item["reason"]["text"] for item in found["home"]["items"]}
    assert because["throw"] == "Because you viewed Wool rug"
    assert because["desk"] == "From our range"  # no word of it is the rug's
    for key in ("similar", "product", "bundle", "cart"):
        assert found[key]["items"][0]["reason"] == {
            "code": "similar",
            "text": "Similar to Oak desk",
            "product_ids": ["desk"],
        }


def test_what_was_looked_at_lately_needs_no_model(browser: "APIClient") -> None:
    views(ADA, "rug", "lamp")

    items = answers(browser, dict(ADA))["recent"]["items"]

    assert [item["product_id"] for item in items[:2]] == ["lamp", "rug"]
    assert {item["reason"]["text"] for item in items[:2]} == {"You looked at this lately"}
