"""The onboarding placement: an answer changes the next questions and, at once, what is shown elsewhere."""

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


def asked(who: dict[str, Any] | None = None, placement: str = "onboarding", **fields: Any) -> Answer:
    return recommend(Ask(placement=placement, who=Who(**(who or {})), **fields))


def ids(answer: Answer) -> list[str]:
    return [item.product_id for item in answer.items]


def likes(who: dict[str, Any], *products: str, liked: bool = True) -> None:
    for product in products:
        does(who, "Preference Given", product, liked=liked)


@pytest.mark.usefixtures("trained")
def test_the_default_placement_asks() -> None:
    answer = asked()

    assert Placement.objects.get(key="onboarding").strategy == "onboarding"
    assert answer.strategy == "onboarding"
    assert {(item.reason.code, item.reason.text) for item in answer.items} == {("onboarding", "Do you like this?")}


@pytest.mark.usefixtures("trained")
def test_the_first_questions_are_of_several_tastes() -> None:
    first = set(ids(asked(limit=3)))

    assert sum(not first.isdisjoint(taste) for taste in TASTES) >= 3


@pytest.mark.usefixtures("trained")
def test_a_like_is_not_asked_again_and_home_follows_it() -> None:
    likes(ADA, "rug")

    assert "rug" not in ids(asked(ADA, limit=100))
    assert {"throw", "bulb"} <= set(ids(asked(ADA, "home", limit=3, exclude=("rug",))))


@pytest.mark.usefixtures("trained")
def test_a_dislike_is_not_asked_again_not_shown_and_speaks_for_nothing() -> None:
    likes(ADA, "stool")
    before = ids(asked(ADA, "home", limit=100))
    likes(ADA, "rug", liked=False)

    after = asked(ADA, "home", limit=100)

    assert "rug" in before
    assert "rug" not in ids(after)
    assert "rug" not in ids(asked(ADA, limit=100))
    assert not any("rug" in item.reason.product_ids for item in after.items)
    assert ids(after).index("throw") == len(after.items) - 1 > before.index("throw")


@pytest.mark.usefixtures("trained")
def test_a_dislike_is_remembered_after_many_other_products() -> None:
    others = [f"x{number:03d}" for number in range(MAX_OPINIONS + 5)]
    listed = {"currency": "EUR", "stock": 5, "price": "9.00", "category": ["Other"]}
    bulk_upsert([{"product_id": one, "title": f"Thing {one}", **listed} for one in others], actor="key:t")
    likes(ADA, "rug", liked=False)
    views(ADA, *others)

    answer = asked(ADA, "home", limit=100)

    assert "rug" not in ids(answer)
    assert not any("rug" in item.reason.product_ids for item in answer.items)


@pytest.mark.usefixtures("trained")
def test_what_is_no_question_is_not_asked_whatever_the_limit() -> None:
    others = {f"x{number:03d}" for number in range(2 * QUESTIONS)}
    listed = {"currency": "EUR", "stock": 5, "price": "9.00", "category": ["Other"]}
    bulk_upsert([{"product_id": one, "title": f"Thing {one}", **listed} for one in sorted(others)], actor="key:t")

    answer = asked(limit=100)

    assert len(answer.items) == QUESTIONS
    assert {item.reason.code for item in answer.items} == {"onboarding"}


@pytest.mark.usefixtures("trained")
def test_a_later_like_takes_the_dislike_back() -> None:
    likes(ADA, "rug", liked=False)
    likes(ADA, "rug")

    assert "rug" in ids(asked(ADA, "home", limit=100))


@pytest.mark.usefixtures("trained")
def test_whoever_dislikes_everything_is_answered_all_the_same_and_asked_no_more() -> None:
    likes(ADA, *PRODUCTS, liked=False)

    assert ids(asked(ADA)) == []
    assert len(ids(asked(ADA, "home"))) > 0


@pytest.mark.usefixtures("trained")
def test_questions_go_on_until_every_product_was_answered() -> None:
    seen: list[str] = []
    while page := ids(asked(ADA, limit=2)):
        likes(ADA, *page, liked=len(seen) % 3 > 0)
        seen += page

    variants = set(PRODUCTS) - set(seen)
    assert len(seen) == len(set(seen))
    assert variants <= set(GROUPS)


@pytest.mark.usefixtures("trained")
def test_without_consent_the_questions_are_a_strangers() -> None:
    likes(CY, "rug")

    assert ids(asked(CY)) == ids(asked())


@pytest.mark.usefixtures("trained")
def test_a_skipped_product_is_left_out_by_the_request() -> None:
    page = ids(asked(ADA, limit=3))

    following = ids(asked(ADA, exclude=tuple(page)))

    assert following
    assert set(page).isdisjoint(following)


@pytest.mark.usefixtures("stocked")
def test_without_a_model_the_words_of_the_catalog_tell_what_differs() -> None:
    first = asked(limit=4)
    likes(ADA, "rug")

    assert len({PRODUCTS[product]["category"][0] for product in ids(first)}) == 4
    assert first.degraded == "no_model"
    assert "rug" not in ids(asked(ADA, limit=100))


def test_a_shop_without_products_asks_nothing(stocked: None) -> None:
    from catalog.models import Product
    from personalization.serving.snapshot_refresher import keeper

    Product.objects.update(active=False)
    keeper.forget()

    assert ids(asked()) == []


@pytest.mark.usefixtures("trained")
def test_no_rule_and_no_fresh_place_makes_a_question_of_what_is_none() -> None:
    create_rule(name="Our pick", wording={"effect": "pin", "position": 1}, actor="staff:1")
    save_placement("onboarding", data={"fresh_slots": 2, "explore_share": 0.5}, actor="staff:1")
    views(ADA, "desk")

    likes(ADA, *ids(asked(ADA, limit=3)))
    assert {item.reason.code for item in asked(ADA, limit=20).items} <= {"onboarding", "pinned"}
    while questions := ids(asked(ADA)):
        likes(ADA, *questions)

    assert asked(ADA, limit=20).items == ()


@pytest.mark.usefixtures("trained")
def test_any_placement_may_ask() -> None:
    save_placement("quiz", data={"name": "Quiz", "strategy": "onboarding", "size": 2}, actor="staff:1")

    assert {item.reason.code for item in asked(placement="quiz").items} == {"onboarding"}


@pytest.mark.usefixtures("trained")
def test_over_http_an_event_changes_the_next_questions_and_the_home_page(browser: "APIClient") -> None:
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
    assert product in {named for item in after["items"] for named in item["reason"]["product_ids"]}
