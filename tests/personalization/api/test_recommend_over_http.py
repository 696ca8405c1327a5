"""The Recommend part of the storefront contract, over HTTP."""

import random
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest
from pytest_django.fixtures import Settings

from access.identity import sign_user
from consents.selectors import forget_terms
from personalization.api.examples import ANSWER
from personalization.services.placements import save_placement
from tests.personalization.shop import (
    ADA,
    does,
    inside,
    says,
    views,
)
from tests.recsys.furniture import GROUPS, PRODUCTS

if TYPE_CHECKING:
    from rest_framework.test import APIClient

HOME = "/api/v1/recommendations/home"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live_model")]


def ids(answer: Any) -> list[str]:
    """Return the product ids of a body."""
    return [item["product_id"] for item in answer["items"]]


def test_an_answer_has_exactly_the_fields_of_the_contract(browser: "APIClient") -> None:
    views(inside(ADA), "desk")

    response = browser.get(HOME, ADA)

    body = response.json()
    assert response.status_code == 200
    assert set(body) == set(ANSWER)
    assert set(body["items"][0]) == set(ANSWER["items"][0])
    assert body["placement"] == "home"
    assert body["strategy"] == "hybrid"
    assert body["personalized"] is True
    assert body["experiments"] == []


@pytest.mark.parametrize("accept", ["", "text/html", "image/*;q=0", "garbage"])
def test_answer_is_json_for_any_accept_header(browser: "APIClient", accept: str) -> None:
    response = browser.get(HOME, headers={"Accept": accept})

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize(
    ("path", "template"),
    [
        (HOME, "/api/v1/recommendations/{placement}"),
        ("/api/v1/rank", "/api/v1/rank"),
        ("/api/v1/page", "/api/v1/page"),
    ],
)
def test_body_needs_the_json_content_type(browser: "APIClient", path: str, template: str) -> None:
    documented = browser.get("/api/schema", headers={"Accept": "application/json"}).json()["paths"][template]["post"]

    response = browser.generic("POST", path, "{}", content_type="text/plain")

    assert response.status_code == 415
    assert "415" in documented["responses"]


def test_unknown_parameters_are_ignored(browser: "APIClient") -> None:
    response = browser.get(HOME, {"format": "amp", "limt": "5", "utm_source": "letter"})

    assert response.status_code == 200


def test_answers_stay_out_of_shared_caches(browser: "APIClient") -> None:
    response = browser.get(HOME)

    assert response["Cache-Control"] == "private, no-store"
    assert "Sec-GPC" in response["Vary"]


def test_region_and_signal_of_a_server_request(browser: "APIClient", server: "APIClient", settings: Settings) -> None:
    views(inside(ADA), "desk")
    stranger = {"user_id": "nobody-asked"}
    views(inside(stranger), "desk")
    settings.CONSENT_REGION_HEADER, settings.CONSENT_RULES = "CF-IPCountry", {"*": "opt_in", "US": "opt_out"}

    def personalized(client: "APIClient", who: dict[str, str], **headers: str) -> bool:
        return bool(client.get(HOME, who, headers=headers).json()["personalized"])

    forget_terms()
    assert personalized(browser, stranger, CF_IPCountry="US")
    assert not personalized(server, stranger, CF_IPCountry="US")
    assert personalized(server, ADA)
    assert not personalized(server, ADA, Sec_GPC="1")
    forget_terms()


def country_of(address: str) -> str:
    """Return the region of an address, as a shop's own function."""
    return "US"


def test_region_can_come_from_a_custom_function(browser: "APIClient", settings: Settings) -> None:
    views(inside(ADA), "desk")
    settings.CONSENT_REGION_RESOLVER = f"{__name__}.country_of"
    page = {"user_id": "ada", "placements": [{"placement": "home"}]}
    own = {"user_id": "ada", "product_ids": ["rug", "mug"]}

    answers = [
        browser.get(HOME, ADA),
        browser.post(HOME, ADA, format="json"),
        browser.post("/api/v1/page", page, format="json"),
        browser.post("/api/v1/rank", own, format="json"),
    ]

    assert [answer.status_code for answer in answers] == [200] * 4


def test_get_and_post_answer_alike(browser: "APIClient") -> None:
    query: dict[str, Any] = {"product_id": ["desk", "lamp"], "limit": 3, "exclude": ["rug"], "category": "Textiles"}

    by_get, by_post = (
        browser.get("/api/v1/recommendations/cart", query),
        browser.post("/api/v1/recommendations/cart", query, format="json"),
    )

    assert by_get.json()["items"] == by_post.json()["items"]
    assert ids(by_get.json()) == ["throw"]


def test_tracking_parameters_are_ignored(browser: "APIClient") -> None:
    views(inside(ADA), "desk")

    plain, tagged = (
        browser.get(HOME, {**ADA, **more}) for more in ({}, {"_": "1764", "utm_source": "mail", "limt": 2})
    )

    assert tagged.status_code == 200
    assert tagged.json()["items"] == plain.json()["items"]


def test_blanks_around_ids_are_stripped(browser: "APIClient") -> None:
    views(inside(ADA), "desk")
    query: dict[str, Any] = {"product_id": ["desk"], "exclude": ["rug"], "limit": 3}
    blank: dict[str, Any] = {"user_id": " ada ", "product_id": [" desk"], "exclude": ["rug "], "limit": 3}

    plain, blanks = browser.get(HOME, {**ADA, **query}).json(), browser.get(HOME, blank).json()
    ranked = browser.post("/api/v1/rank", {**ADA, "product_ids": [" mug ", "desk"]}, format="json").json()

    assert blanks["personalized"] is True
    assert blanks["items"] == plain["items"]
    assert sorted(ranked["product_ids"]) == ["desk", "mug"]


@pytest.mark.parametrize("field", ["user_id", "anonymous_id"])
def test_ids_of_maximum_length_are_accepted(browser: "APIClient", field: str) -> None:
    longest = {field: "a" * 512}
    says(inside(longest))
    views(inside(longest), "desk")

    answer, longer = browser.get(HOME, longest), browser.get(HOME, {field: "a" * 513})

    assert answer.json()["personalized"] is True
    assert [error["field"] for error in longer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"category": "Furniture/Chairs"}, {"chair", "stool"}),
        ({"category": ["Light", "Kitchen"]}, {"lamp", "bulb", "bowl"}),
        ({"brand": "weft"}, {"rug", "throw"}),
        ({"min_price": "40", "max_price": "60.00"}, {"stool", "lamp", "rug"}),
        ({"in_stock": "true", "category": "Kitchen"}, {"bowl"}),
        ({"in_stock": "false", "category": "Kitchen"}, {"mug"}),
        ({"category": "Kitchen"}, {"bowl"}),
        ({"category": "Light", "exclude": "bulb"}, {"lamp"}),
        ({"category": "Nowhere"}, set()),
    ],
)
def test_filtered_answer_is_full(browser: "APIClient", query: dict[str, Any], expected: set[str]) -> None:
    assert set(ids(browser.get(HOME, {**query, "limit": 10}).json())) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"min_price": "NaN"}, "min_price"),
        ({"min_price": "-1"}, "min_price"),
        ({"in_stock": "perhaps"}, "in_stock"),
        ({"user_id": "x" * 513}, "user_id"),
        ({"product_id": ["p"] * 501}, "product_id"),
    ],
)
def test_invalid_field_is_named(browser: "APIClient", query: dict[str, Any], field: str) -> None:
    response = browser.get(HOME, query)

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["errors"][0]["field"].startswith(field)


@pytest.mark.parametrize(
    ("url", "body", "field"),
    [
        (HOME, {"product_id": [None] * 501}, "product_id"),
        (HOME, {"exclude": [None] * 501}, "exclude"),
        (HOME, {"brand": [None] * 51}, "brand"),
        ("/api/v1/rank", {"product_ids": [None] * 501}, "product_ids"),
        ("/api/v1/page", {"placements": [None] * 21}, "placements"),
    ],
)
def test_too_long_list_causes_one_error(browser: "APIClient", url: str, body: dict[str, Any], field: str) -> None:
    response = browser.post(url, body, format="json")

    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_an_unknown_placement_is_not_found(browser: "APIClient") -> None:
    response = browser.get("/api/v1/recommendations/nowhere")

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


def test_without_a_key_nothing_is_answered(browser: "APIClient") -> None:
    browser.credentials()

    assert browser.get(HOME).status_code == 401


def test_a_strategy_needs_a_secret_key(browser: "APIClient", server: "APIClient") -> None:
    assert browser.get(HOME, {"strategy": "rp3beta"}).status_code == 403

    answer = server.get(HOME, {"strategy": "popular"})
    assert answer.json()["strategy"] == "popular"
    assert server.get(HOME, {"strategy": "magic"}).json()["errors"][0]["field"] == "strategy"


def test_explain_shows_sources_and_rules(server: "APIClient", browser: "APIClient") -> None:
    from personalization.services.rules import create_rule

    create_rule(name="Rugs first", wording={"effect": "boost", "products": ["rug"], "factor": 50}, actor="staff:1")
    create_rule(name="No bowls", wording={"effect": "exclude", "products": ["bowl"]}, actor="staff:1")

    body = server.get(HOME, {"explain": "true"}).json()

    assert body["items"][0]["product_id"] == "rug"
    assert body["items"][0]["explain"]["rules"] == ["Rugs first: boosted ×50"]
    assert body["items"][0]["explain"]["sources"]
    assert body["removed"] == [{"product_id": "bowl", "title": "Blue bowl", "by": "No bowls: excluded"}]
    assert server.get(HOME, {"explain": "true", "category": "Kitchen", "exclude": "mug"}).json() == {
        **body, "items": [], "recommendation_id": ANY, "took_ms": ANY
    }  # fmt: skip
    assert "removed" not in server.get(HOME).json()
    public = browser.get(HOME, {"explain": "true"}).json()
    assert public["items"][0]["explain"]["sources"]
    assert "removed" not in public, "what must not be shown is told to nobody with a page's own key"


def test_reasons_name_products_only_with_a_valid_hash(browser: "APIClient") -> None:
    from access.models import ApiKey
    from access.selectors import forget_keys, identity_secret

    views(inside(ADA), "desk")
    ApiKey.objects.update(requires_user_hash=True)
    forget_keys()
    proof = sign_user(identity_secret(ApiKey.objects.get()), user_id="ada")

    def is_hers(query: dict[str, str], **headers: str) -> bool:
        answer = browser.get(HOME, query, headers=headers).json()
        return bool(answer["personalized"]) and any(item["reason"]["product_ids"] for item in answer["items"])

    assert not is_hers(ADA)
    assert not is_hers({**ADA, "user_hash": "0" * 64})
    assert is_hers({**ADA, "user_hash": proof})
    assert is_hers(ADA, x_user_hash=proof)


def test_rank_puts_unknown_ids_last(browser: "APIClient") -> None:
    views(inside(ADA), "rug")

    body = browser.post(
        "/api/v1/rank", {**ADA, "product_ids": ["?", "mug", "throw", "!", "desk"]}, format="json"
    ).json()

    assert set(body) == {"recommendation_id", "product_ids", "personalized", "degraded"}
    assert body["personalized"] is True
    assert body["product_ids"][0] == "throw"
    assert sorted(body["product_ids"][:3]) == ["desk", "mug", "throw"]
    assert body["product_ids"][3:] == ["?", "!"]


def test_rank_takes_at_most_500(browser: "APIClient") -> None:
    five_hundred = [f"p{number}" for number in range(500)]

    assert browser.post("/api/v1/rank", {"product_ids": five_hundred}, format="json").status_code == 200
    assert browser.post("/api/v1/rank", {"product_ids": [*five_hundred, "x"]}, format="json").status_code == 400


def test_page_repeats_no_product_and_has_no_empty_slot(browser: "APIClient") -> None:
    views(inside(ADA), "rug")
    slots = [{"placement": name, "limit": 2} for name in ("home", "trending", "onboarding", "recent")]

    answers = browser.post("/api/v1/page", {**ADA, "placements": slots}, format="json").json()["placements"]

    products = [product for answer in answers.values() for product in ids(answer)]
    assert list(answers) == ["home", "trending", "onboarding", "recent"]
    assert ids(answers["recent"]) == ["rug"]
    assert len(products) == 7
    assert len(set(products)) == 7


def test_no_page_repeats_a_product_or_shows_two_variants(browser: "APIClient") -> None:
    from catalog.services import bulk_upsert

    fields = {"currency": "EUR", "stock": 5, "price": "9.00", "category": ["Other"]}
    rows = [
        {"product_id": f"x{number:02d}", "title": f"Thing {number}", "group_id": f"g{number // 2}", **fields}
        for number in range(30)
    ]
    bulk_upsert(rows, actor="key:t")
    groups = GROUPS | {row["product_id"]: row["group_id"] for row in rows}
    views(inside(ADA), "rug", "x03", "lamp", "bulb", "x10")
    does(inside(ADA), "Order Completed", "", order_id="O1", products=[{"product_id": "bulb"}])
    names = ("home", "product", "similar", "bundle", "cart", "trending", "recent", "onboarding")
    chance = random.Random(7)
    for _ in range(30):
        slots = [
            {
                "key": str(number),
                "placement": chance.choice(names),
                "limit": chance.randint(1, 8),
                "product_id": chance.sample(["desk", "x05", "throw"], chance.randint(0, 2)),
                "deadline_ms": chance.choice((1, 60_000)),
            }
            for number in range(chance.randint(2, 9))
        ]

        response = browser.post("/api/v1/page", {**ADA, "placements": slots}, format="json")

        answers = response.json()["placements"]
        products = [product for answer in answers.values() for product in ids(answer)]
        assert list(answers) == [slot["key"] for slot in slots]
        assert len({groups.get(product, product) for product in products}) == len(products), slots


def test_placement_comes_twice_under_two_keys_and_repeats_nothing(browser: "APIClient") -> None:
    slots = [
        {"placement": "product", "product_id": ["rug"], "limit": 3},
        {"key": "to-the-lamp", "placement": "product", "product_id": ["lamp"], "limit": 3},
    ]

    answers = browser.post("/api/v1/page", {"placements": slots}, format="json").json()["placements"]

    assert list(answers) == ["product", "to-the-lamp"]
    assert [one["placement"] for one in answers.values()] == ["product", "product"]
    assert [len(ids(one)) for one in answers.values()] == [3, 3]
    assert set(ids(answers["product"])).isdisjoint(ids(answers["to-the-lamp"]))


def test_page_keeps_the_order_of_the_request_whoever_chooses_first(browser: "APIClient") -> None:
    views(inside(ADA), "rug", "lamp")
    slots = [{"placement": "home", "limit": 3}, {"placement": "recent"}]

    answers = browser.post("/api/v1/page", {**ADA, "placements": slots}, format="json").json()["placements"]

    assert list(answers) == ["home", "recent"]
    assert ids(answers["recent"]) == ["lamp", "rug"]
    assert len(ids(answers["home"])) == 3


def test_page_shows_no_two_variants(browser: "APIClient") -> None:
    others = [product for product in PRODUCTS if product != "desk"]
    slots = [{"placement": "home", "exclude": others, "limit": 1}, {"placement": "trending", "limit": 20}]

    answers = browser.post("/api/v1/page", {"placements": slots}, format="json").json()["placements"]

    assert ids(answers["home"]) == ["desk"]
    assert set(ids(answers["trending"])).isdisjoint({"desk", "desk-xl"})
    assert ids(answers["trending"])


def test_slot_is_empty_when_all_products_are_on_the_page(browser: "APIClient") -> None:
    slots = [{"placement": "home", "limit": 20}, {"placement": "trending", "limit": 3}]

    answers = browser.post("/api/v1/page", {"placements": slots}, format="json").json()["placements"]

    assert len(ids(answers["home"])) == 8, "all that is in stock, one of two variants"
    assert ids(answers["trending"]) == []


def test_a_slot_past_its_deadline_gets_popular_products(browser: "APIClient", monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    moments = iter(range(0, 1000, 10))
    monkeypatch.setattr(time, "perf_counter", lambda: next(moments))
    views(inside(ADA), "desk")

    slots = [{"placement": "home", "deadline_ms": 5}]
    answer = browser.post("/api/v1/page", {**ADA, "placements": slots}, format="json").json()["placements"]["home"]

    assert answer["degraded"] == "deadline"
    assert answer["personalized"] is False
    assert ids(answer)


def test_late_slot_excludes_bought_and_disliked_products(browser: "APIClient", monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    moments = iter(range(0, 1000, 10))
    monkeypatch.setattr(time, "perf_counter", lambda: next(moments))
    save_placement("home", data={"repeat": False}, actor="staff:1")
    does(inside(ADA), "Order Completed", "", order_id="O1", products=[{"product_id": "lamp"}])
    does(inside(ADA), "Preference Given", "rug", liked=False)
    views(inside(ADA), "desk")

    slots = [{"placement": "home", "deadline_ms": 5, "limit": 20}]
    answer = browser.post("/api/v1/page", {**ADA, "placements": slots}, format="json").json()["placements"]["home"]

    assert (answer["degraded"], answer["personalized"]) == ("deadline", False)
    assert {"bulb", "throw"} <= set(ids(answer))
    assert not {"lamp", "rug"} & set(ids(answer))


def test_list_of_own_products_is_never_late(browser: "APIClient", monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    moments = iter(range(0, 1000, 10))
    monkeypatch.setattr(time, "perf_counter", lambda: next(moments))
    views(inside(ADA), "desk")

    slots = [{"placement": "recent", "deadline_ms": 5}]
    answer = browser.post("/api/v1/page", {**ADA, "placements": slots}, format="json").json()["placements"]["recent"]

    assert (ids(answer), answer["degraded"], answer["personalized"]) == (["desk"], None, True)


def test_page_leaves_out_inactive_placements(browser: "APIClient") -> None:
    save_placement("trending", data={"active": False}, actor="staff:1")
    body = {"placements": [{"placement": "home"}, {"placement": "trending"}]}

    answers = browser.post("/api/v1/page", body, format="json").json()["placements"]

    assert {name: bool(ids(one)) for name, one in answers.items()} == {"home": True}


def test_page_rejects_no_and_duplicate_placements(browser: "APIClient") -> None:
    def status(*names: str) -> int:
        body = {"placements": [{"placement": name} for name in names]}
        return int(browser.post("/api/v1/page", body, format="json").status_code)

    assert status("nowhere", "elsewhere") == 404
    assert status("home", "home") == 400
    assert status() == 400
