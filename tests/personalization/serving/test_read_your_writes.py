"""A request sent after the 200 reflects the event, although no profiler has read it yet."""

from typing import TYPE_CHECKING, Any

import pytest

from common import redis
from common.pseudonyms import subject_pseudonym
from events.log import get_log
from events.log.latest import LATEST
from profiles import services
from tests.personalization.shop import ADA, BO, inside, says

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live_model")]
RECENT = "/api/v1/recommendations/recent"
ADA_S: dict[str, Any] = {"userId": "ada"}
BO_S: dict[str, Any] = {"anonymousId": "bo"}
NUMBERS = iter(range(1_000_000))


def sends(server: "APIClient", who: dict[str, Any], product_id: str, **fields: Any) -> None:
    body = {
        "messageId": f"m{next(NUMBERS)}",
        "event": "Product Viewed",
        "properties": {"product_id": product_id},
        **who,
        **fields,
    }
    assert server.post("/v1/track", body, format="json").status_code == 200


def seen(server: "APIClient", who: dict[str, Any]) -> list[str]:
    return [item["product_id"] for item in server.get(RECENT, who).json()["items"]]


def consent(choice: bool) -> dict[str, Any]:
    return {"context": {"consent": {"categoryPreferences": {"personalization": choice, "analytics": choice}}}}


@pytest.mark.parametrize(("sender", "who"), [(ADA_S, ADA), (BO_S, BO)], ids=["account", "anonymous"])
def test_the_next_answer_knows_the_event(
    browser: "APIClient", server: "APIClient", sender: dict[str, Any], who: dict[str, Any]
) -> None:
    says(who)
    says(who, "analytics")
    for number, product_id in enumerate(("desk", "lamp", "rug"), 1):
        sends(browser, sender, product_id)
        assert len(seen(server, who)) == number
        assert seen(server, who)[0] == product_id


def test_the_decision_on_the_event_itself_counts(browser: "APIClient", server: "APIClient") -> None:
    sends(browser, BO_S, "desk", **consent(True))
    assert seen(server, BO) == ["desk"]

    sends(browser, BO_S, "lamp", **consent(False))
    assert seen(server, BO) == []


def test_a_login_joins_what_the_browser_did_before(browser: "APIClient", server: "APIClient") -> None:
    sends(browser, BO_S, "desk", **consent(True))
    body = {"messageId": "login", "userId": "ada", **BO_S, **consent(True)}
    assert browser.post("/v1/identify", body, format="json").status_code == 200

    assert seen(server, ADA) == ["desk"]


def test_what_the_profiler_applied_is_not_applied_again(
    browser: "APIClient", server: "APIClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    says(inside(ADA))
    says(inside(ADA), "analytics")
    sends(browser, ADA_S, "desk")
    services.apply(get_log().read_many(dict.fromkeys(range(get_log().shards), 0)))
    monkeypatch.setattr("personalization.serving.shoppers.apply_named", lambda names: pytest.fail("applied again"))

    assert seen(server, ADA) == ["desk"]


def test_an_erased_shopper_s_names_are_forgotten(browser: "APIClient") -> None:
    says(inside(ADA))
    says(inside(ADA), "analytics")
    sends(browser, ADA_S, "desk")
    ada = subject_pseudonym("user:ada")
    assert redis.client().exists(f"{LATEST}{ada}")

    get_log().forget_names([ada])

    assert not redis.client().exists(f"{LATEST}{ada}")
