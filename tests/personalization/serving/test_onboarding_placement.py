"""The onboarding placement: an answer changes the next questions and all other placements."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from catalog.services import bulk_upsert
from events.log import get_log
from personalization.models import Placement
from personalization.services.placements import save_placement
from personalization.services.recommend import recommend
from personalization.services.rules import create_rule
from personalization.serving.answers import Answer
from personalization.serving.asking import Ask, Who
from personalization.serving.proposals import QUESTIONS
from profiles import services as profiles
from recsys.data.opinions import MAX_OPINIONS
from tests.personalization.shop import (
    ADA,
    CY,
    does,
    views,
)
from tests.recsys.furniture import GROUPS, PRODUCTS, TASTES

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db
ASKED = "/api/v1/recommendations/onboarding"
YES = {"context": {"consent": {"categoryPreferences": {"analytics": True, "personalization": True}}}}


def answer_for(who: dict[str, Any] | None = None, placement: str = "onboarding", **fields: Any) -> Answer:
    return recommend(Ask(placement=placement, who=Who(**(who or {})), **fields))


def ids(answer: Answer) -> list[str]:
    return [item.product_id for item in answer.items]


def likes(who: dict[str, Any], *products: str, liked: bool = True) -> None:
    for product in products:
        does(who, "Preference Given", product, liked=liked)


@pytest.mark.usefixtures("live_model")
def test_default_placement_asks_questions() -> None:
    answer = answer_for()

    assert Placement.objects.get(key="onboarding").strategy == "onboarding"
    assert answer.strategy == "onboarding"
    assert {(item.reason.code, item.reason.text) for item in answer.items} == {("onboarding", "Do you like this?")}


@pytest.mark.usefixtures("live_model")
def test_first_questions_cover_several_tastes() -> None:
    first = set(ids(answer_for(limit=3)))

    assert sum(not first.isdisjoint(taste) for taste in TASTES) >= 3


@pytest.mark.usefixtures("live_model")
def test_like_is_not_asked_again_and_changes_home() -> None:
    likes(ADA, "rug")

    assert "rug" not in ids(answer_for(ADA, limit=100))
    assert {"throw", "bulb"} <= set(ids(answer_for(ADA, "home", limit=3, exclude=("rug",))))


@pytest.mark.usefixtures("live_model")
def test_dislike_is_neither_asked_nor_shown_again() -> None:
    likes(ADA, "stool")
    before = ids(answer_for(ADA, "home", limit=100))
    likes(ADA, "rug", liked=False)

    after = answer_for(ADA, "home", limit=100)

    assert "rug" in before
    assert "rug" not in ids(after)
    assert "rug" not in ids(answer_for(ADA, limit=100))
    assert not any("rug" in item.reason.product_ids for item in after.items)
    assert ids(after).index("throw") == len(after.items) - 1 > before.index("throw")


@pytest.mark.usefixtures("live_model")
def test_a_dislike_is_remembered_after_many_other_products() -> None:
    others = [f"x{number:03d}" for number in range(MAX_OPINIONS + 5)]
    fields = {"currency": "EUR", "stock": 5, "price": "9.00", "category": ["Other"]}
    bulk_upsert([{"product_id": one, "title": f"Thing {one}", **fields} for one in others], actor="key:t")
    likes(ADA, "rug", liked=False)
    views(ADA, *others)

    answer = answer_for(ADA, "home", limit=100)

    assert "rug" not in ids(answer)
    assert not any("rug" in item.reason.product_ids for item in answer.items)


@pytest.mark.usefixtures("live_model")
def test_onboarding_shows_questions_only() -> None:
    others = {f"x{number:03d}" for number in range(2 * QUESTIONS)}
    fields = {"currency": "EUR", "stock": 5, "price": "9.00", "category": ["Other"]}
    bulk_upsert([{"product_id": one, "title": f"Thing {one}", **fields} for one in sorted(others)], actor="key:t")

    answer = answer_for(limit=100)

    assert len(answer.items) == QUESTIONS
    assert {item.reason.code for item in answer.items} == {"onboarding"}


@pytest.mark.usefixtures("live_model")
def test_later_like_overrides_dislike() -> None:
    likes(ADA, "rug", liked=False)
    likes(ADA, "rug")

    assert "rug" in ids(answer_for(ADA, "home", limit=100))


@pytest.mark.usefixtures("live_model")
def test_shopper_who_dislikes_everything_still_gets_answers() -> None:
    likes(ADA, *PRODUCTS, liked=False)

    assert ids(answer_for(ADA)) == []
    assert len(ids(answer_for(ADA, "home"))) > 0


@pytest.mark.usefixtures("live_model")
def test_questions_go_on_until_every_product_was_answered() -> None:
    asked_products: list[str] = []
    while page := ids(answer_for(ADA, limit=2)):
        likes(ADA, *page, liked=len(asked_products) % 3 > 0)
        asked_products += page

    others = set(PRODUCTS) - set(asked_products)
    assert len(asked_products) == len(set(asked_products))
    assert others <= {*GROUPS, "mug"}, "variants, and what is sold out"


@pytest.mark.usefixtures("live_model")
def test_questions_without_consent_are_not_personal() -> None:
    likes(CY, "rug")

    assert ids(answer_for(CY)) == ids(answer_for())


@pytest.mark.usefixtures("live_model")
def test_excluded_product_is_not_asked() -> None:
    page = ids(answer_for(ADA, limit=3))

    following = ids(answer_for(ADA, exclude=tuple(page)))

    assert following
    assert set(page).isdisjoint(following)


@pytest.mark.usefixtures("stocked_shop")
def test_questions_work_without_a_model() -> None:
    first = answer_for(limit=4)
    likes(ADA, "rug")

    assert len({PRODUCTS[product]["category"][0] for product in ids(first)}) == 4
    assert first.degraded == "no_model"
    assert "rug" not in ids(answer_for(ADA, limit=100))


def test_no_questions_without_products(stocked_shop: None) -> None:
    from catalog.models import Product
    from personalization.serving.snapshot_refresher import snapshot_refresher

    Product.objects.update(active=False)
    snapshot_refresher.forget()

    assert ids(answer_for()) == []


@pytest.mark.usefixtures("live_model")
def test_rules_and_slots_add_no_questions() -> None:
    create_rule(name="Our pick", wording={"effect": "pin", "position": 1}, actor="staff:1")
    save_placement("onboarding", data={"recent_item_slots": 2, "explore_share": 0.5}, actor="staff:1")
    views(ADA, "desk")

    likes(ADA, *ids(answer_for(ADA, limit=3)))
    assert {item.reason.code for item in answer_for(ADA, limit=20).items} <= {"onboarding", "pinned"}
    while questions := ids(answer_for(ADA)):
        likes(ADA, *questions)

    assert answer_for(ADA, limit=20).items == ()


@pytest.mark.usefixtures("live_model")
def test_any_placement_may_ask() -> None:
    save_placement("quiz", data={"name": "Quiz", "strategy": "onboarding", "size": 2}, actor="staff:1")

    assert {item.reason.code for item in answer_for(placement="quiz").items} == {"onboarding"}


@pytest.mark.usefixtures("live_model")
def test_event_over_http_changes_questions_and_home(browser: "APIClient") -> None:
    who = {"anonymous_id": "newcomer"}
    first = browser.get(ASKED, who).json()
    home = browser.get("/api/v1/recommendations/home", who).json()
    product = first["items"][0]["product_id"]
    body = {"anonymousId": "newcomer", "event": "Preference Given", "messageId": "m1", **YES}
    event = {**body, "properties": {"product_id": product, "liked": True}}

    sent = browser.post("/v1/track", json.dumps(event), content_type="application/json", HTTP_ORIGIN="https://a.shop")
    log = get_log()
    profiles.apply(log.read_many(dict.fromkeys(range(log.shards), 0)))
    second = browser.get(ASKED, who).json()
    after = browser.get("/api/v1/recommendations/home", who).json()

    assert (sent.status_code, sent.json()) == (200, {"success": True})
    assert second["degraded"] is None
    assert product not in [item["product_id"] for item in second["items"]]
    assert (home["personalized"], after["personalized"]) == (False, True)
    assert product in {cause for item in after["items"] for cause in item["reason"]["product_ids"]}
