"""The consent door: exact bodies, who may speak for whom, and that a decision holds at once."""

import hashlib
import json
from typing import Any
from unittest import mock

import pytest
from rest_framework.test import APIClient

from access.identity import sign_user
from access.selectors import resolve_key
from access.services import create_key
from audit.selectors import entries, read_detail
from audit.services import destroy_subject
from common import clock, redis
from common.errors import Unavailable
from common.pseudonyms import pseudonym, subject_pseudonym
from consents.cache import link
from consents.models import ConsentEvent, PolicyText
from consents.selectors import proofs
from events.log import get_log
from events.types.base import Event

URL = "/api/v1/consents/"


@pytest.fixture
def shop(db: None) -> APIClient:
    """The shop's server."""
    return client_with(create_key(kind="sk", name="server", scopes=["consents:read", "consents:write"])[1])


@pytest.fixture
def browser_key(db: None) -> str:
    """The key of the shop's pages."""
    return create_key(kind="pk", name="pages")[1]


def client_with(raw: str) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {raw}")
    return client


def put(client: APIClient, subject: str, body: Any, **headers: Any) -> Any:
    return client.put(URL + subject, json.dumps(body), content_type="application/json", **headers)


def test_a_body_that_is_not_told_to_be_json_is_refused_as_documented(shop: APIClient) -> None:
    documented = shop.get("/api/schema", headers={"Accept": "application/json"}).json()["paths"][URL + "{subject}"]

    response = shop.generic("PUT", URL + "user:U1", "{}", content_type="text/plain")

    assert response.status_code == 415
    assert "415" in documented["put"]["responses"]


def test_the_contract_s_bodies_in_and_out(shop: APIClient) -> None:
    PolicyText.objects.create(version="3", body="We ask.")
    body = {"decisions": {"personalization": True, "experiments": False}, "policy_version": "3", "source": "banner"}

    answer = put(shop, "user:U1", body)

    assert answer.status_code == 200
    assert answer.json() == shop.get(URL + "user:U1").json() == shop.get(URL + "U1").json()
    state = answer.json()
    assert set(state) == {"decisions", "epoch", "gpc", "region"}
    assert (state["epoch"], state["gpc"], state["region"]) == (2, False, None)
    given, refused = state["decisions"]["personalization"], state["decisions"]["experiments"]
    assert set(given) == {"allowed", "basis", "reason", "event_id", "rule_id", "at"}
    assert (given["allowed"], given["basis"], given["reason"]) == (True, "consent", "given")
    assert (refused["allowed"], refused["reason"]) == (False, "refused")
    assert state["decisions"]["essential"]["basis"] == "contract"
    assert state["decisions"]["analytics"]["reason"] == "not_asked"
    assert answer["Cache-Control"] == "private, no-store"
    assert "Sec-GPC" in answer["Vary"]


def test_a_decision_is_proven_audited_and_on_the_log(shop: APIClient) -> None:
    PolicyText.objects.create(version="3", body="We ask.")
    answer = put(shop, "user:ada", {"decisions": {"analytics": True}, "policy_version": "3", "source": "banner"})

    (proof,) = proofs([subject_pseudonym("user:ada")])
    assert (proof.purpose, proof.given, proof.source, proof.policy_version) == ("analytics", True, "banner", "3")
    assert proof.purpose_version == 1
    assert answer.json()["decisions"]["analytics"]["event_id"] == proof.message_id
    log = get_log()
    (entry,) = [entry for shard in range(log.shards) for _, entry in log.read(shard)]
    event = Event.decode(entry.body)
    assert (event.name, event.user_id, event.consents) == ("Consent Updated", pseudonym("ada"), {"analytics": True})
    assert event.message_id == proof.message_id
    assert len(entries(action="consent.decided")) == 1


def test_a_proof_holds_the_hash_of_the_text_that_was_shown(shop: APIClient) -> None:
    for language, body in (("en", "We ask."), ("de", "Wir fragen.")):
        PolicyText.objects.create(version="3", language=language, body=body)

    put(shop, "user:ada", {"decisions": {"analytics": True}, "policy_version": "3"})

    (proof,) = proofs([subject_pseudonym("user:ada")])
    assert proof.policy_sha256 == hashlib.sha256(b"We ask.").hexdigest()


def test_a_text_that_nobody_published_is_refused(shop: APIClient) -> None:
    answer = put(shop, "user:ada", {"decisions": {"analytics": True}, "policy_version": "4"})

    assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (400, ["policy_version"])
    assert not proofs([subject_pseudonym("user:ada")])


def test_what_a_browser_writes_beside_its_decision_can_be_erased(browser_key: str) -> None:
    PolicyText.objects.create(version="Jane Doe", body="We ask.")
    words = {"source": "jane.doe@shop.example", "policy_version": "Jane Doe"}

    put(client_with(browser_key), "anonymous:bo", {"decisions": {"analytics": True}, **words})

    (entry,) = entries(action="consent.decided")
    assert entry.data == {"decisions": {"analytics": True}}
    assert read_detail(entry.id) == words
    destroy_subject(subject_pseudonym("anonymous:bo"))
    assert read_detail(entry.id) is None
    assert not any(text.encode() in entry.body for text in words.values())


def test_saying_the_same_again_is_no_second_proof(shop: APIClient) -> None:
    for given in (True, True, False, False, True):
        put(shop, "user:ada", {"decisions": {"analytics": given}})

    assert [proof.given for proof in proofs([subject_pseudonym("user:ada")])] == [True, False, True]


def test_a_decision_is_made_now_or_right_behind_what_was_said_last(
    shop: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(at: int, **decisions: bool) -> dict[str, str]:
        monkeypatch.setattr(clock, "epoch_us", lambda: at)
        state = put(shop, "user:ada", {"decisions": decisions}).json()["decisions"]
        return {name: state[name]["at"] for name in ("analytics", "experiments") if state[name]["at"]}

    noon = 1_764_504_000_000_000
    first = said(noon, analytics=True)
    second = said(noon + 2_000_000, experiments=True)
    put_back = said(noon - 9_000_000, analytics=False, experiments=False)

    assert first == {"analytics": "2025-11-30T12:00:00Z"}
    assert second == {**first, "experiments": "2025-11-30T12:00:02Z"}
    assert put_back == dict.fromkeys(second, "2025-11-30T12:00:02.000001Z")


@pytest.mark.parametrize("said_by", ["user:ada", "anonymous:bo"])
def test_a_refusal_holds_also_where_the_clock_was_put_back(
    shop: APIClient, said_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, now = redis.client().pipeline(), clock.epoch_us()
    link(pipe, subject_pseudonym("user:ada"), subject_pseudonym("anonymous:bo"), now)
    pipe.execute()
    with monkeypatch.context() as patch:
        patch.setattr(clock, "epoch_us", lambda: now + 3_600_000_000)
        put(shop, said_by, {"decisions": {"analytics": True}})

    answer = put(shop, "user:ada", {"decisions": {"analytics": False}})

    assert answer.json()["decisions"]["analytics"]["reason"] == "refused"
    assert [proof.given for proof in proofs([subject_pseudonym("user:ada"), subject_pseudonym("anonymous:bo")])] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"decisions": {"sports": True}}, "decisions.sports"),
        ({"decisions": {"essential": False}}, "decisions.essential"),
        ({"decisions": {"analytics": "yes"}}, "decisions.analytics"),
        ({"decisions": {"analytics": 1}}, "decisions.analytics"),
        ({"decisions": {}}, "decisions"),
        ({"decisions": [1]}, "decisions"),
        ({}, "decisions"),
        ([], ""),
    ],
)
def test_a_bad_body_names_the_field_and_changes_nothing(shop: APIClient, body: Any, field: str) -> None:
    answer = put(shop, "user:ada", body)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert proofs([subject_pseudonym("user:ada")]) == []
    assert get_log().length() == 0


@pytest.mark.parametrize("subject", ["user:crm/42", "user:crm%2F42", "anonymous:a%0Ab"])
def test_an_id_may_hold_whatever_those_of_events_hold(shop: APIClient, subject: str) -> None:
    assert put(shop, subject, {"decisions": {"analytics": True}}).status_code == 200
    assert shop.get(URL + subject).json()["decisions"]["analytics"]["allowed"]


@pytest.mark.parametrize("subject", ["user:", "user:%20", "anonymous:", "%20", "%00", "user:" + "x" * 600])
def test_a_subject_must_name_somebody(shop: APIClient, subject: str) -> None:
    assert put(shop, subject, {"decisions": {"analytics": True}}).status_code == 400


@pytest.mark.parametrize("subject", ["user:ada%20", "user:%20ada", "%20ada%0a", "%20user:ada"])
def test_blanks_around_an_id_are_no_part_of_it_as_in_events(shop: APIClient, subject: str) -> None:
    put(shop, "user:ada", {"decisions": {"analytics": True}})

    answer = put(shop, subject, {"decisions": {"analytics": False}})

    assert answer.status_code == 200
    assert shop.get(URL + "user:ada").json()["decisions"]["analytics"]["reason"] == "refused"


def test_a_browser_speaks_for_its_anonymous_id_and_for_a_proven_user(browser_key: str) -> None:
    browser = client_with(browser_key)
    proof = sign_user(resolve_key(browser_key).identity_secret, user_id="ada")
    body = {"decisions": {"analytics": True}}

    assert put(browser, "anonymous:bo", body).status_code == 200
    assert put(browser, "user:ada", body).status_code == 403
    assert put(browser, "user:ada", {**body, "user_hash": "0" * 64}).status_code == 403
    assert browser.get(URL + "user:ada").status_code == 403
    assert proofs([subject_pseudonym("user:ada")]) == []
    assert put(browser, "user:ada", {**body, "user_hash": proof}).status_code == 200
    assert browser.get(URL + "user:ada", {"user_hash": proof}).json()["decisions"]["analytics"]["allowed"]


def test_a_key_needs_the_scope(db: None) -> None:
    reader = client_with(create_key(kind="sk", name="reader", scopes=["consents:read"])[1])

    assert reader.get(URL + "user:ada").status_code == 200
    assert put(reader, "user:ada", {"decisions": {"analytics": True}}).status_code == 403
    assert APIClient().get(URL + "user:ada").status_code == 401
    assert proofs([subject_pseudonym("user:ada")]) == []


def test_nothing_is_written_while_the_log_is_down(shop: APIClient) -> None:
    with mock.patch("events.log.redis_streams.RedisStreams.append", side_effect=Unavailable("down")):
        answer = put(shop, "user:ada", {"decisions": {"analytics": True}})

    assert answer.status_code == 503
    assert "Retry-After" in answer
    assert not ConsentEvent.objects.exists()
    assert shop.get(URL + "user:ada").json()["decisions"]["analytics"]["reason"] == "not_asked"


def test_the_privacy_signal_is_honored_exactly_and_shown(browser_key: str) -> None:
    browser = client_with(browser_key)
    put(browser, "anonymous:bo", {"decisions": {"analytics": True, "ads_share": True}})

    heard = browser.get(URL + "anonymous:bo", HTTP_SEC_GPC="1").json()
    not_heard = browser.get(URL + "anonymous:bo", HTTP_SEC_GPC="true").json()

    assert heard["gpc"]
    assert heard["decisions"]["ads_share"]["reason"] == heard["decisions"]["analytics"]["reason"] == "gpc"
    assert not not_heard["gpc"]
    assert not_heard["decisions"]["ads_share"]["allowed"]


def test_an_account_remembers_the_signal_of_its_browser_and_a_visitor_does_not(
    shop: APIClient, browser_key: str
) -> None:
    browser = client_with(browser_key)
    user_hash = sign_user(resolve_key(browser_key).identity_secret, user_id="ada")
    body = {"decisions": {"analytics": True}}

    put(browser, "user:ada", {**body, "user_hash": user_hash}, HTTP_SEC_GPC="1")
    put(browser, "anonymous:bo", body, HTTP_SEC_GPC="1")

    ada, bo = (shop.get(URL + subject).json() for subject in ("user:ada", "anonymous:bo"))
    assert (ada["gpc"], ada["decisions"]["analytics"]["reason"]) == (True, "gpc")
    assert (bo["gpc"], bo["decisions"]["analytics"]["reason"]) == (False, "given")
    assert ada["decisions"]["ads_share"]["reason"] == "gpc"
    put(shop, "user:ada", body)
    assert shop.get(URL + "user:ada").json()["decisions"]["analytics"]["reason"] == "given"


def test_where_the_browser_was_is_in_the_state_the_proof_and_the_log_and_where_a_server_is_nowhere(
    shop: APIClient, browser_key: str, settings: Any
) -> None:
    settings.CONSENT_REGION_HEADER = "X-Country"
    body, from_california = {"decisions": {"analytics": True}}, {"X-Country": "us_ca"}

    answer = put(client_with(browser_key), "anonymous:bo", body, headers=from_california)

    (proof,), log = proofs([subject_pseudonym("anonymous:bo")]), get_log()
    (entry,) = [entry for shard in range(log.shards) for _, entry in log.read(shard)]
    assert answer.json()["region"] == proof.region == Event.decode(entry.body).context["region"] == "US-CA"
    assert put(shop, "anonymous:cy", body, headers=from_california).json()["region"] is None
    assert [proof.region for proof in proofs([subject_pseudonym("anonymous:cy")])] == [""]


@pytest.mark.django_db
def test_the_shop_says_that_it_honors_the_signal() -> None:
    answer = APIClient().get("/.well-known/gpc.json")

    assert answer.status_code == 200
    assert answer.json()["gpc"] is True
