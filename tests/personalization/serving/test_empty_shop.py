"""A new shop without products or events: all placements answer, and training names what is missing."""

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from catalog.models import Product
from modelops.models import ModelVersion, RunState, TrainingRun
from modelops.services.runs import queue_training
from modelops.services.training import run_training
from personalization.models import Placement
from personalization.serving.snapshot_refresher import snapshot_refresher
from tests.events.builders import START
from tests.modelops.purchases import bought, put
from tests.personalization.shop import ADA, inside, views
from tests.recsys.furniture import PRODUCTS

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]
QUESTION: dict[str, Any] = {**ADA, "product_id": ["desk"]}


@pytest.fixture
def bare(stocked_shop: None) -> None:
    """The shop without products."""
    Product.objects.all().delete()
    snapshot_refresher.forget()


def answers(browser: "APIClient", question: dict[str, Any]) -> dict[str, Any]:
    """Return each default placement's answer; all of them with status 200."""
    answers_by_placement = {key: browser.get(f"/api/v1/recommendations/{key}", question) for key in defaults()}
    assert {key: response.status_code for key, response in answers_by_placement.items()} == dict.fromkeys(
        answers_by_placement, 200
    )
    return {key: response.json() for key, response in answers_by_placement.items()}


def defaults() -> list[str]:
    keys = sorted(Placement.objects.values_list("key", flat=True))
    assert keys == ["bundle", "cart", "home", "onboarding", "product", "recent", "similar", "trending"]
    return keys


def training_run() -> TrainingRun:
    return run_training(queue_training(actor="staff:1", hand_over=False).pk)


@pytest.mark.usefixtures("bare")
def test_empty_shop_answers_with_empty_lists(browser: "APIClient") -> None:
    views(inside(ADA), "desk")

    answers_by_placement = answers(browser, QUESTION)

    assert {key: body["items"] for key, body in answers_by_placement.items()} == dict.fromkeys(answers_by_placement, [])
    assert {body["degraded"] for body in answers_by_placement.values()} == {"no_model"}
    assert {tuple(body["unknown_products"]) for body in answers_by_placement.values()} == {("desk",)}


@pytest.mark.parametrize("question", [QUESTION, {}, {"anonymous_id": "stranger"}], ids=["ada", "nobody", "stranger"])
def test_all_placements_show_products_without_events(browser: "APIClient", question: dict[str, Any]) -> None:
    answers_by_placement = answers(browser, question)

    assert answers_by_placement.pop("recent")["items"] == []
    for key, body in answers_by_placement.items():
        products = [item["product_id"] for item in body["items"]]
        assert len(products) == len(set(products)) >= 4, key
        assert set(products) <= set(PRODUCTS)
    assert not any(body["personalized"] for body in answers_by_placement.values())


def test_one_event_personalizes_all_placements(browser: "APIClient") -> None:
    views(inside(ADA), "rug")

    answers_by_placement = answers(browser, QUESTION)

    assert all(body["personalized"] and body["items"] for body in answers_by_placement.values())
    assert "throw" in [item["product_id"] for item in answers_by_placement["home"]["items"][:3]]


def test_a_shop_with_one_product_shows_it(browser: "APIClient") -> None:
    Product.objects.exclude(product_id="desk").delete()
    snapshot_refresher.forget()

    answers_by_placement = answers(browser, dict(ADA))

    assert answers_by_placement.pop("recent")["items"] == []
    assert {
        key: [item["product_id"] for item in body["items"]] for key, body in answers_by_placement.items()
    } == dict.fromkeys(answers_by_placement, ["desk"])


def test_page_is_answered_in_an_empty_shop(browser: "APIClient") -> None:
    body = {**ADA, "placements": [{"placement": key, "limit": 1} for key in defaults() if key != "recent"]}

    response = browser.post("/api/v1/page", body, format="json")

    assert response.status_code == 200
    assert all(one["items"] for one in response.json()["placements"].values())


@pytest.mark.parametrize("products", [True, False], ids=["products", "no products"])
@pytest.mark.parametrize("events", [0, 1])
def test_training_without_events_names_the_reason(browser: "APIClient", products: bool, events: int) -> None:
    if not products:
        Product.objects.all().delete()
        snapshot_refresher.forget()
    put([bought("m1", 1, "desk", START)] * events)

    run = training_run()

    assert run.state == RunState.FAILED
    assert run.message == "at least 20 interactions are needed to hold some back for judging"
    assert ModelVersion.objects.count() == 0
    assert bool(answers(browser, {})["home"]["items"]) is products


def test_training_says_that_shoppers_did_not_allow_it() -> None:
    put([replace(bought("m1", 1, "desk", START), allowed=("analytics", "personalization"))])

    assert training_run().message.startswith("no event may be learned from. 1 name products, but their shoppers did")


def test_similar_products_are_named_without_a_model(browser: "APIClient") -> None:
    views(inside(ADA), "rug")

    answers_by_placement = answers(browser, QUESTION)

    because = {item["product_id"]: item["reason"]["text"] for item in answers_by_placement["home"]["items"]}
    assert because["throw"] == "Because you viewed Wool rug"
    assert because["desk"] == "From our range"  # no word of it is the rug's


def test_only_what_is_alike_is_called_similar_without_a_model(browser: "APIClient") -> None:
    of_chair, of_desk = (answers(browser, {**ADA, "product_id": [name]}) for name in ("chair", "desk"))

    assert [item["product_id"] for item in of_chair["similar"]["items"]] == ["stool"]
    for key in ("similar", "product"):
        assert of_chair[key]["items"][0]["reason"] == {
            "code": "similar",
            "text": "Similar to Oak chair",
            "product_ids": ["chair"],
        }
    for key in ("bundle", "cart"):  # a stool completes no chair
        assert "similar" not in {item["reason"]["code"] for item in of_chair[key]["items"]}
    for body in of_desk.values():  # a chair of oak is no desk
        assert "similar" not in {item["reason"]["code"] for item in body["items"]}


def test_recently_viewed_needs_no_model(browser: "APIClient") -> None:
    views(inside(ADA), "rug", "lamp")

    items = answers(browser, dict(ADA))["recent"]["items"]

    assert [item["product_id"] for item in items] == ["lamp", "rug"]
    assert {item["reason"]["text"] for item in items} == {"You looked at this lately"}
