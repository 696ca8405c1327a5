"""Remote evaluation and OFREP: the same arm as ours, with what the server alone knows."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from access.identity import sign_user
from access.models import ApiKey
from access.selectors import identity_secret
from access.services import create_key
from common.pseudonyms import subject_pseudonym
from consents import selectors as consents
from consents.services import decide_for
from experiments.arms import assign, subject_of
from experiments.models import StickyArm
from experiments.selectors import live
from experiments.services.designs import create_experiment, create_namespace
from experiments.services.lifecycle import change_coverage, ship, start
from experiments.services.sticky import arm_keeper

MO = "staff:mo"
AGREED = {"consent": {"experiments": True}}
PAYLOADS = ({"layout": "grid"}, {"layout": "list"}, {"layout": "rail"})
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def anew() -> None:
    """Forget what this process remembers of the tables."""
    live.live_experiments.forget()
    consents.forget_terms()


@pytest.fixture
def key() -> str:
    """A publishable key, which asks for proof of a user id."""
    return create_key(kind="pk", name="shop")[1]


@pytest.fixture
def secret() -> str:
    """The key of the shop's server."""
    return create_key(kind="sk", name="server", scopes=["recommendations:read"])[1]


def run(name: str = "ranker", **data: Any) -> str:
    """Start an experiment of three arms."""
    arms = [{"key": f"arm{n}", "weight": weight, "payload": PAYLOADS[n]} for n, weight in enumerate((0.2, 0.3, 0.5))]
    create_experiment(name, data={"arms": arms, **data}, actor=MO)
    start(name, actor=MO)
    return name


def ask(client: Client, key: str, attributes: dict[str, Any], **body: Any) -> dict[str, Any]:
    """Return the flags of remote evaluation."""
    content = json.dumps({"attributes": attributes, **body})
    answer = client.post(f"/api/eval/{key}", content, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "private, no-store"
    assert "x-sse-support" not in answer
    features: dict[str, Any] = answer.json()["features"]
    return features


def ofrep(client: Client, key: str, context: Any, flag: str | None = None, **headers: str) -> Any:
    """Return the answer of OFREP, to one flag or to all."""
    path = "/ofrep/v1/evaluate/flags" + ("" if flag is None else f"/{flag}")
    content = context if isinstance(context, str) else json.dumps({"context": context})
    headers = {"Authorization": f"Bearer {key}", **headers}
    return client.post(path, content, content_type="application/json", headers=headers)


def ours(one: str, device: str = "") -> str:
    """Return the arm of our own API."""
    now = live.latest_experiments()
    return assign(now.by_key["ranker"], subject_of(one, device), now).arm_key


def test_remote_evaluation_forces_our_arm_and_hands_the_exposure_to_the_sdk(client: Client, key: str) -> None:
    run()
    flag = ask(client, key, {"id": "ada", "anonymous_id": "a1", **AGREED})["ranker"]

    (rule,) = flag["rules"]
    arm = int(ours("ada").removeprefix("arm"))
    assert rule["force"] == PAYLOADS[arm]
    (track,) = rule["tracks"]
    assert track["experiment"]["key"] == "ranker"
    assert {name: track["result"][name] for name in ("key", "variationId", "hashAttribute", "hashValue")} == {
        "key": f"arm{arm}",
        "variationId": arm,
        "hashAttribute": "id",
        "hashValue": "ada",
    }
    assert set(rule) == {"force", "tracks"}


def test_a_variation_that_a_developer_forces_is_forced_without_an_exposure(client: Client, key: str) -> None:
    run()
    flags = ask(client, key, {"id": "ada", **AGREED}, forcedVariations={"ranker": 2, "unknown": 1})

    assert flags["ranker"]["rules"] == [{"force": PAYLOADS[2]}]
    answer = client.post(f"/api/eval/{key}", '{"forcedVariations": {"ranker": 9}}', content_type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "forcedVariations.ranker")


def test_who_did_not_agree_gets_the_control_and_nothing_is_kept(client: Client, key: str, secret: str) -> None:
    run()
    decide_for(subject_pseudonym("user:refuses"), decisions={"experiments": False}, actor="test")
    decide_for(subject_pseudonym("user:agrees"), decisions={"experiments": True}, actor="test")

    def takes_part(one: str, **claim: Any) -> bool:
        answer = ofrep(client, secret, {"targetingKey": one, **claim}, "ranker").json()
        assert answer["metadata"]["participates"] or answer["variant"] == "arm0"
        return bool(answer["metadata"]["participates"])

    assert [takes_part("nobody"), takes_part("refuses"), takes_part("agrees")] == [False, False, True]
    assert takes_part("nobody", **AGREED)
    assert not takes_part("refuses", **AGREED)
    assert not takes_part("agrees", consent={"experiments": False})
    arm_keeper.flush()
    assert set(StickyArm.objects.values_list("raw_id", flat=True)) == {
        subject_pseudonym(f"{kind}:{name}") for kind in ("user", "anonymous") for name in ("agrees", "nobody")
    }


def test_what_was_kept_of_a_shopper_who_says_no_later_is_deleted(client: Client, secret: str) -> None:
    run()
    kept = []
    for consent in (AGREED, {}, {"consent": {"experiments": False}}):
        ofrep(client, secret, {"targetingKey": "ada", **consent}, "ranker")
        arm_keeper.flush()
        kept.append(StickyArm.objects.filter(raw_id=subject_pseudonym("user:ada")).exists())

    assert kept == [True, True, False]


def test_a_privacy_signal_is_a_no(client: Client, key: str) -> None:
    run()
    answer = ofrep(client, key, {"targetingKey": "a1", **AGREED}, "ranker", **{"Sec-GPC": "1"})

    assert answer.json()["metadata"]["participates"] is False


def test_conditions_on_what_the_server_knows_are_answered_here(client: Client, secret: str) -> None:
    run(condition={"consent.personalization": True})
    decide_for(subject_pseudonym("user:yes"), decisions={"experiments": True, "personalization": True}, actor="test")
    decide_for(subject_pseudonym("user:half"), decisions={"experiments": True, "personalization": False}, actor="test")

    parts = []
    for one in ("yes", "half"):
        claim = {"consent": {"personalization": True, "experiments": True}, "segments": ["vip"]}
        answer = ofrep(client, secret, {"targetingKey": one, **claim}, "ranker").json()
        parts.append(answer["metadata"]["participates"])
    assert parts == [True, False]


def test_nobody_claims_to_be_in_a_segment(client: Client, secret: str) -> None:
    run(condition={"segments": {"$in": ["vip"]}})
    answer = ofrep(client, secret, {"targetingKey": "ada", "segments": ["vip"], **AGREED}, "ranker").json()

    assert (answer["reason"], answer["metadata"]["participates"]) == ("DEFAULT", False)


def test_a_login_moves_nobody_also_out_of_a_namespace(client: Client, secret: str) -> None:
    create_namespace("checkout", name="Checkout", actor=MO)
    run(namespace="checkout", namespace_low=0, namespace_high=6000, coverage=0.7)
    devices = [f"device-{n}" for n in range(60)]

    def arm(context: dict[str, Any]) -> tuple[bool, str]:
        answer = ofrep(client, secret, {**context, **AGREED}, "ranker").json()
        arm_keeper.flush()
        return answer["metadata"]["participates"], answer["variant"]

    before = {one: arm({"targetingKey": one, "anonymous_id": one}) for one in devices}
    after = {one: arm({"targetingKey": f"user-{one}", "anonymous_id": one}) for one in devices}
    alone = {one: arm({"targetingKey": f"user-{one}"}) for one in devices}

    inside = [one for one in devices if before[one][0]]
    assert len(inside) > 10
    assert {one: after[one] for one in inside} == {one: before[one] for one in inside}
    assert {one: alone[one] for one in inside} == {one: before[one] for one in inside}
    assert any(ours(f"user-{one}", one) != before[one][1] for one in inside), "without a sticky arm some would move"


def test_an_unproven_user_id_gets_a_strangers_answer_and_changes_nothing_of_the_account(
    client: Client, key: str
) -> None:
    run(condition={"consent.experiments": True})
    decide_for(subject_pseudonym("user:ada"), decisions={"experiments": True}, actor="test")
    row = ApiKey.objects.get()
    proof = sign_user(identity_secret(row), user_id="ada")

    def takes_part(**context: Any) -> bool:
        answer = ofrep(client, key, {"targetingKey": "ada", "anonymous_id": "a1", **context}, "ranker").json()
        return bool(answer["metadata"]["participates"])

    assert [takes_part(), takes_part(user_hash="wrong"), takes_part(user_hash=proof)] == [False, False, True]
    arm_keeper.flush()
    StickyArm.objects.all().delete()
    decide_for(subject_pseudonym("anonymous:b2"), decisions={"experiments": True}, actor="test")
    ofrep(client, key, {"targetingKey": "bo", "anonymous_id": "b2"}, "ranker")
    arm_keeper.flush()
    assert list(StickyArm.objects.values_list("raw_id", flat=True)) == [subject_pseudonym("anonymous:b2")]


def test_ofrep_answers_have_all_members_and_primitive_metadata(client: Client, key: str) -> None:
    run()
    body = ofrep(client, key, {"targetingKey": "ada", **AGREED}, "ranker").json()

    assert {name: body[name] for name in ("key", "reason", "variant", "value")} == {
        "key": "ranker",
        "reason": "SPLIT",
        "variant": ours("ada"),
        "value": PAYLOADS[int(ours("ada").removeprefix("arm"))],
    }
    assert all(isinstance(value, str | int | bool) for value in body["metadata"].values())
    ship("ranker", arm="arm1", actor=MO)
    assert ofrep(client, key, {}, "ranker").json()["reason"] == "STATIC"


def test_a_float_flag_keeps_its_decimal_point(client: Client, key: str) -> None:
    arms = [{"key": "a", "weight": 0.5, "payload": 1}, {"key": "b", "weight": 0.5, "payload": 1.5}]
    run("price", arms=arms)
    ship("price", arm="a", actor=MO)

    assert b'"value":1.0,' in ofrep(client, key, {"targetingKey": "ada"}, "price").content


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("{", "PARSE_ERROR"),
        ("[]", "PARSE_ERROR"),
        ('{"context": 7}', "INVALID_CONTEXT"),
        ('{"context": {"targetingKey": 7}}', "INVALID_CONTEXT"),
        ("{}", "TARGETING_KEY_MISSING"),
        ('{"context": {"targetingKey": ""}}', "TARGETING_KEY_MISSING"),
    ],
)
def test_a_context_that_cannot_be_evaluated(client: Client, key: str, content: str, code: str) -> None:
    run()
    one, many = ofrep(client, key, content, "ranker"), ofrep(client, key, content)

    assert one.status_code == 400
    assert (one.json()["key"], one.json()["errorCode"]) == ("ranker", code)
    assert one.json()["errorDetails"]
    failure = many.json()["flags"][0] if code == "TARGETING_KEY_MISSING" else many.json()
    assert many.status_code == (200 if code == "TARGETING_KEY_MISSING" else 400)
    assert failure["errorCode"] == code
    assert failure["errorDetails"]


def test_an_unknown_flag_and_a_draft_are_not_found(client: Client, key: str) -> None:
    create_experiment("draft", data={}, actor=MO)
    for flag in ("nobody", "draft", "global-holdout"):
        answer = ofrep(client, key, {"targetingKey": "ada"}, flag)
        assert answer.status_code == 404
        assert (answer.json()["key"], answer.json()["errorCode"]) == (flag, "FLAG_NOT_FOUND")
        assert answer.json()["errorDetails"]


def test_the_tag_of_all_flags_depends_on_context_and_content(client: Client, key: str) -> None:
    run(coverage=0.5)
    context = {"targetingKey": "ada", **AGREED}
    tag = ofrep(client, key, context)["ETag"]

    same = ofrep(client, key, context, **{"If-None-Match": tag})
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", tag)
    assert ofrep(client, key, {**context, "country": "DE"}, **{"If-None-Match": tag}).status_code == 200
    change_coverage("ranker", coverage=1.0, actor=MO)
    assert ofrep(client, key, context, **{"If-None-Match": tag}).status_code == 200


def test_a_browser_is_told_where_changes_are_told_and_a_server_is_not(client: Client, key: str, secret: str) -> None:
    run()
    (stream,) = ofrep(client, key, {"targetingKey": "a1"}).json()["eventStreams"]

    assert stream["type"] == "sse"
    assert stream["url"].startswith(f"http://testserver/sub/{key}?since=")
    assert "eventStreams" not in ofrep(client, secret, {"targetingKey": "a1"}).json()


def test_what_a_storefront_calls_an_id_may_be_a_number_or_longer_than_any_that_is_kept(
    client: Client, secret: str
) -> None:
    run()
    assert ofrep(client, secret, {"id": 42, **AGREED}, "ranker").json()["variant"] == ours("42")
    for one in ("x" * 3000, "a\x00b"):
        assert ofrep(client, secret, {"targetingKey": one, **AGREED}, "ranker").json()["variant"] == ours(one)
    arm_keeper.flush()
    assert set(StickyArm.objects.values_list("raw_id", flat=True)) == {
        subject_pseudonym(f"{kind}:42") for kind in ("user", "anonymous")
    }


def outside_of_event_loops(ask: Callable[[], Any]) -> Any:
    """Return the answer of an asynchronous view: a test's thread may hold the event loop of an earlier browser."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        answer = pool.submit(ask)
        pool.submit(connections.close_all)
    return answer.result()


def test_refusals_are_problem_documents(client: Client, key: str) -> None:
    other = create_key(kind="sk", name="catalog", scopes=["catalog:read"])[1]
    for answer, status in (
        (ofrep(client, "pk_nobody", {}), 401),
        (ofrep(client, other, {}, "ranker"), 403),
        (client.post(f"/api/eval/{key}", "[]", content_type="application/json"), 400),
        (client.post(f"/api/eval/{key}", '{"attributes": 7}', content_type="application/json"), 400),
        (client.post("/api/eval/pk_nobody", "{}", content_type="application/json"), 401),
        (outside_of_event_loops(lambda: client.get(f"/sub/{key}")), 503),
    ):
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
