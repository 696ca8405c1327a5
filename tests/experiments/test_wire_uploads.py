"""Exposures that SDKs upload: whom they belong to, and whose are dropped."""

import json
from typing import Any

import pytest
from django.test import Client

from access.services import create_key
from common.pseudonyms import pseudonym, subject_pseudonym
from consents import selectors as consents
from consents.services import decide_for
from events.log import get_log
from events.types.base import Event
from experiments.models import Withheld
from experiments.selectors import live
from experiments.services.designs import create_experiment
from experiments.services.lifecycle import start
from experiments.services.sticky import arm_keeper

MO = "staff:mo"
AGREED = {"analytics": True, "experiments": True}
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key() -> str:
    """A publishable key that believes user ids, beside a running experiment."""
    live.live_experiments.forget()
    consents.forget_terms()
    create_experiment("button", data={}, actor=MO)
    start("button", actor=MO)
    return create_key(kind="pk", name="shop", requires_user_hash=False)[1]


def viewed(value: str = "ada", *, device: str | None = "a1", arm: str = "treatment", **context: Any) -> dict[str, Any]:
    """Return an exposure as GrowthBook's plugin for JavaScript writes it."""
    hashed = {"hashAttribute": "id", "hashValue": value}
    return {
        "event_name": "Experiment Viewed",
        "properties_json": {"experimentId": "button", "variationId": arm, **hashed},
        "user_id": None,
        "device_id": device,
        "context_json": context,
        "url": "https://shop.example/desk?x=1",
        "sdk_language": "js",
    }


def post(client: Client, key: str, events: Any) -> Any:
    """Upload, as browsers do."""
    content = events if isinstance(events, str) else json.dumps(events)
    return client.post(f"/track?client_key={key}", content, content_type="text/plain")


def logged() -> list[Event]:
    """Return the events on the log."""
    log = get_log()
    entries = [entry for shard in range(log.shards) for _, entry in log.read(shard)]
    return [Event.decode(entry.body) for entry in entries if entry.kind == "event"]


def withheld() -> list[tuple[str, str, int]]:
    """Return what was dropped: arm, reason, number."""
    arm_keeper.flush()
    return list(Withheld.objects.order_by("arm").values_list("arm", "reason", "n"))


def test_an_exposure_is_on_the_log_before_the_answer(client: Client, key: str) -> None:
    answer = post(client, key, [viewed(consent=AGREED)])

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    (event,) = logged()
    assert (event.name, event.user_id, event.anonymous_id) == ("Experiment Viewed", pseudonym("ada"), pseudonym("a1"))
    assert event.properties == {"experiment_id": "button", "variation_id": "treatment"}
    assert event.allowed is not None
    assert "experiments" in event.allowed
    assert withheld() == []


def test_a_visitor_is_no_user(client: Client, key: str) -> None:
    post(client, key, [viewed("a1", consent=AGREED)])

    (event,) = logged()
    assert (event.user_id, event.anonymous_id) == (None, pseudonym("a1"))


def test_exposures_of_who_did_not_say_yes_are_dropped_and_counted(client: Client, key: str) -> None:
    decide_for(subject_pseudonym("user:no"), decisions={"experiments": False}, actor="test")
    decide_for(subject_pseudonym("user:yes"), decisions={"experiments": True, "analytics": True}, actor="test")
    exposures = [
        viewed("undecided", device="d1"),
        viewed("undecided", device="d1", arm="control"),
        viewed("no", device="d2", consent=AGREED),
        viewed("yes", device="d3"),
        viewed("yes", device="d3", consent={"experiments": False}),
        viewed("undecided", device="d1", arm="an-arm-of-nobody"),
    ]

    assert post(client, key, exposures).status_code == 200
    assert [event.user_id for event in logged() if event.name == "Experiment Viewed"] == [pseudonym("yes")]
    assert withheld() == [("control", "undecided", 1), ("treatment", "undecided", 3)]


@pytest.mark.usefixtures("every_field_allowed")
def test_looks_at_flags_are_ignored_and_other_events_are_kept(client: Client, key: str) -> None:
    looked = {"event_name": "Feature Evaluated", "properties_json": {"feature": "button"}, "device_id": "a1"}
    own = {"event_name": "Trumpet Blown", "properties_json": {"loud": True}, "device_id": "a1"}

    post(client, key, [{**one, "context_json": {"consent": AGREED}} for one in (looked, own)])

    (event,) = logged()
    assert (event.name, event.properties) == ("Trumpet Blown", {"loud": True})
    assert post(client, key, [looked]).status_code == 200


@pytest.mark.parametrize(
    "body", ["", "{", "{}", "[]", "[7]", '[{"event": "x"}]', '[{"event_name": "Experiment Viewed"}]']
)
def test_a_body_that_holds_no_event_is_refused(client: Client, key: str, body: str) -> None:
    answer = post(client, key, body)

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_a_bad_event_is_set_aside_beside_good_ones(client: Client, key: str) -> None:
    assert post(client, key, [7, viewed(consent=AGREED)]).status_code == 200
    assert len(logged()) == 1


def test_the_key_is_publishable(client: Client, key: str) -> None:
    secret = create_key(kind="sk", name="server", scopes=["events:write"])[1]

    assert [post(client, raw, [viewed()]).status_code for raw in (secret, "pk_nobody", "")] == [403, 401, 401]
