"""The payload for SDKs: what is in it, what is left out, and when it changes."""

from typing import Any

import orjson
import pytest
from django.db import OperationalError
from django.test import Client
from growthbook import GrowthBook

from access.services import create_key
from common import postgres
from consents import selectors as consents
from experiments.assignment import hash_v2
from experiments.selectors import live
from experiments.services.designs import create_experiment, create_namespace, edit_experiment
from experiments.services.holdout import start_holdout
from experiments.services.lifecycle import archive, change_coverage, change_weights, ship, start, stop, undo

MO = "staff:mo"
YES = {"consent.experiments": True}
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def anew() -> None:
    """Forget what this process remembers of the tables."""
    live.live_experiments.forget()
    consents.forget_terms()


@pytest.fixture
def key() -> str:
    """A publishable key."""
    return create_key(kind="pk", name="shop")[1]


def run(key: str = "button", **data: Any) -> str:
    """Create an experiment and start it."""
    create_experiment(key, data=data, actor=MO)
    start(key, actor=MO)
    return key


def read(client: Client, key: str) -> dict[str, Any]:
    """Return the payload."""
    answer = client.get(f"/api/features/{key}")
    assert answer.status_code == 200
    body: dict[str, Any] = orjson.loads(answer.content)
    return body


def flag(client: Client, key: str, name: str = "button") -> Any:
    """Return one flag of the payload."""
    return read(client, key)["features"][name]


def test_the_check_values_of_the_hash() -> None:
    assert [hash_v2("k", value) for value in ("u1", "ü", "😀x", "日本")] == [0.2718, 0.9676, 0.3492, 0.0084]


def test_a_rule_has_all_that_the_hash_needs(client: Client, key: str) -> None:
    create_namespace("checkout", name="Checkout", actor=MO)
    arms = [
        {"key": "control", "name": "Grid", "weight": 0.25, "payload": {"columns": 4}},
        {"key": "list", "name": "List", "weight": 0.75, "payload": {"columns": 1}},
    ]
    run(arms=arms, coverage=0.7, namespace="checkout", namespace_low=1000, namespace_high=8000)
    design = live.latest_experiments().by_key["button"]

    body = read(client, key)
    rule = body["features"]["button"]["rules"][0]
    assert body["status"] == 200
    assert body["features"]["button"]["defaultValue"] == {"columns": 4}
    assert rule == {
        "key": "button",
        "name": "button",
        "seed": design.seed,
        "hashAttribute": "id",
        "fallbackAttribute": "anonymous_id",
        "hashVersion": 2,
        "variations": [{"columns": 4}, {"columns": 1}],
        "weights": [0.25, 0.75],
        "coverage": 0.7,
        "meta": [{"key": "control", "name": "Grid"}, {"key": "list", "name": "List"}],
        "phase": "1",
        "bucketVersion": 1,
        "minBucketVersion": 0,
        "filters": [
            {"seed": design.filters[0].seed, "ranges": [[0.1, 0.8]], "hashVersion": 2, "attribute": "id"},
        ],
        "condition": YES,
    }


def test_the_answer_may_be_cached_and_read_by_any_page_and_tells_of_the_stream(client: Client, key: str) -> None:
    run()
    answer = client.get(f"/api/features/{key}", headers={"Origin": "https://shop.example"})

    assert answer["Cache-Control"] == "public, max-age=30, stale-while-revalidate=3600"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert set(answer["Access-Control-Expose-Headers"].split(", ")) == {"etag", "x-sse-support"}
    assert answer["x-sse-support"] == "enabled"
    again = client.get(f"/api/features/{key}", headers={"If-None-Match": f"W/{answer['ETag']}"})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", answer["ETag"])
    change_coverage_of_a_new_one()
    assert client.get(f"/api/features/{key}", headers={"If-None-Match": answer["ETag"]}).status_code == 200


def change_coverage_of_a_new_one() -> None:
    """Change the content."""
    run("other", coverage=0.5)


def test_the_date_changes_with_the_content_and_with_nothing_else(client: Client, key: str) -> None:
    run(coverage=0.5)
    seen = [read(client, key)["dateUpdated"]]

    edit_experiment("button", data={"learnings": "None yet.", "policy_mode": "off"}, actor=MO)
    create_experiment("draft", data={}, actor=MO)
    assert read(client, key)["dateUpdated"] == seen[0]
    step = change_coverage("button", coverage=0.8, actor=MO)
    seen.append(read(client, key)["dateUpdated"])
    undo(step.pk, actor=MO)
    change_weights("button", weights={"control": 0.4, "treatment": 0.6}, actor=MO)
    seen.append(read(client, key)["dateUpdated"])
    ship("button", arm="treatment", actor=MO)
    seen.append(read(client, key)["dateUpdated"])
    archive("button", actor=MO)
    seen.append(read(client, key)["dateUpdated"])

    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("name", ["segments", "traits.recency_days", "attributes.loyalty", "consent.personalization"])
def test_what_the_server_alone_knows_keeps_an_experiment_from_the_payload(client: Client, key: str, name: str) -> None:
    run(condition={"$or": [{"country": "DE"}, {name: {"$exists": True}}]})

    assert read(client, key)["features"] == {}
    ship("button", arm="treatment", actor=MO)
    assert flag(client, key) == {"defaultValue": "treatment", "rules": [{"force": "treatment"}]}


def test_other_conditions_are_emitted_beside_that_on_consent(client: Client, key: str) -> None:
    run(condition={"country": "DE"})

    assert flag(client, key)["rules"][0]["condition"] == {"$and": [{"country": "DE"}, YES]}


@pytest.mark.parametrize(("mode", "condition"), [("opt_in", YES), ("opt_out", {"consent.experiments": {"$ne": False}})])
def test_where_a_yes_is_needed_the_rules_ask_for_it(
    client: Client, key: str, settings: Any, mode: str, condition: dict[str, Any]
) -> None:
    settings.CONSENT_RULES = {"*": mode}
    consents.forget_terms()
    run()

    assert flag(client, key)["rules"][0]["condition"] == condition
    sdk = GrowthBook(features=read(client, key)["features"])
    answers = []
    for consent in ({}, {"consent": {"experiments": False}}, {"consent": {"experiments": True}}):
        sdk.set_attributes({"id": "ada", **consent})
        answers.append(sdk.eval_feature("button").source == "experiment")
    assert answers == [mode == "opt_out", False, True]


def test_after_ship_or_stop_everybody_gets_the_winner_until_the_experiment_is_archived(
    client: Client, key: str
) -> None:
    arms = [{"key": one, "weight": 0.5, "payload": payload} for one, payload in (("control", False), ("on", True))]
    run(arms=arms)
    step = stop("button", actor=MO)
    assert flag(client, key) == {"defaultValue": False, "rules": [{"force": False}]}
    undo(step.pk, actor=MO)
    ship("button", arm="on", actor=MO)
    assert flag(client, key) == {"defaultValue": True, "rules": [{"force": True}]}

    archive("button", actor=MO)

    assert read(client, key)["features"] == {}


def test_drafts_and_the_hold_out_are_no_flags_and_the_held_out_are_filtered(client: Client, key: str) -> None:
    create_experiment("draft", data={}, actor=MO)
    run()
    start_holdout(share=0.2, actor=MO)

    features = read(client, key)["features"]
    assert list(features) == ["button"]
    (held_out,) = features["button"]["rules"][0]["filters"]
    assert held_out["ranges"] == [[0.2, 1.0]]


def test_a_test_unit_is_forced_in_every_sdk_and_nobody_reads_its_id(client: Client, key: str) -> None:
    run(test_units={"user:mo-the-tester": "treatment", "anonymous:tablet-7": "control"})

    answer = client.get(f"/api/features/{key}").content
    assert b"mo-the-tester" not in answer
    assert b"tablet-7" not in answer
    sdk = GrowthBook(features=orjson.loads(answer)["features"])
    forced = []
    for attributes in ({"id": "mo-the-tester"}, {"id": "x", "anonymous_id": "tablet-7"}, {"id": "tablet-7"}):
        sdk.set_attributes(attributes)
        result = sdk.eval_feature("button")
        forced.append((result.source, result.value))
    assert forced == [("force", "treatment"), ("force", "control"), ("force", "control")]
    sdk.set_attributes({"id": "ada", "consent": {"experiments": True}})
    assert sdk.eval_feature("button").source == "experiment"


def test_values_of_a_flag_have_one_type(client: Client, key: str) -> None:
    def values(*payloads: Any, **data: Any) -> list[Any]:
        name = f"flag-{len(read(client, key)['features'])}"
        arms = [{"key": f"arm{n}", "weight": 1 / len(payloads), "payload": one} for n, one in enumerate(payloads)]
        run(name, arms=arms, **data)
        variations: list[Any] = flag(client, key, name)["rules"][0]["variations"]
        return variations

    assert values(None, None) == ["arm0", "arm1"]
    assert values(None, {"a": 1}) == [{}, {"a": 1}]
    assert values(None, "x", "y") == ["", "x", "y"]
    assert values(None, True) == [False, True]
    assert b'"variations":[1.0,1.5]' in (values(1, 1.5), client.get(f"/api/features/{key}").content)[1]


def test_keys_are_publishable_known_and_used_where_they_may_be(client: Client, key: str) -> None:
    listed = create_key(kind="pk", name="listed", origins=["https://shop.example"])[1]
    secret = create_key(kind="sk", name="server", scopes=["recommendations:read"])[1]

    def status(raw: str, **headers: str) -> tuple[int, str]:
        answer = client.get(f"/api/features/{raw}", headers=headers)
        return answer.status_code, answer["Content-Type"]

    problem = "application/problem+json"
    assert status("pk_nobody") == (401, problem)
    assert status(secret) == (403, problem)
    assert status(listed, Origin="https://other.example") == (403, problem)
    assert status(listed, Origin="https://shop.example") == (200, "application/json")
    assert status(key, Origin="https://other.example")[0] == 200


def test_while_the_database_is_away_the_last_payload_is_answered(
    client: Client, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    before = read(client, key)

    def fail() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(live, "live_fingerprint", fail)
    assert read(client, key) == before
    postgres.cooldown.clear()


def test_a_page_may_ask_whether_anything_changed(client: Client, key: str) -> None:
    preflight = {"Origin": "https://shop.example", "Access-Control-Request-Headers": "authorization,if-none-match"}
    answer = client.options("/ofrep/v1/evaluate/flags", headers=preflight)

    assert {"authorization", "if-none-match"} <= set(answer["Access-Control-Allow-Headers"].split(", "))
    run()
    headers = {"Origin": "https://shop.example", "Authorization": f"Bearer {key}"}
    content = '{"context": {"targetingKey": "ada"}}'
    flags = client.post("/ofrep/v1/evaluate/flags", content, content_type="application/json", headers=headers)
    assert flags["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "etag" in flags["Access-Control-Expose-Headers"]


def test_requests_are_counted_against_the_limit_of_the_key(client: Client, key: str, settings: Any) -> None:
    settings.KEY_RATES = {"pk": "2/minute", "sk": "2/minute"}
    answers = [client.get(f"/api/features/{key}") for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert int(answers[2]["Retry-After"]) >= 1
