"""An event of a shopper who decided nothing yet waits for the decision, and leaves no trace but a count."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from common import clock, privacy, redis
from common.errors import Unavailable
from common.pseudonyms import subject_pseudonym
from consents.selectors import states_of_people
from events.log import Entry, get_log, get_waiting_room
from events.models import Event
from events.services import collect as collecting
from events.services.recorder import Recorder, offsets
from events.services.waiting import count_overdue
from events.sweeper import sweep
from tests.events.collect.conftest import NO

if TYPE_CHECKING:
    from tests.events.collect.conftest import LogReader

Maker = Callable[..., dict[str, Any]]
UNSAID: dict[str, Any] = {}


def send(client: APIClient, *items: dict[str, Any], **headers: Any) -> None:
    answer = client.post("/v1/batch", json.dumps({"batch": items}), content_type="application/json", **headers)
    assert (answer.status_code, answer.json()) == (200, {"success": True})


def logged() -> list[str]:
    """Return the message ids of the log's events, shard by shard in their order."""
    log = get_log()
    entries = [entry for shard in range(log.shards) for _, entry in log.read(shard)]
    return [json.loads(entry.body)["message_id"] for entry in entries if entry.kind == "event"]


def stored_text() -> bytes:
    """Return everything that Redis holds, but for the count of the keys' requests."""
    client = redis.client()
    return b"".join(name + (client.dump(name) or b"") for name in client.scan_iter())


def test_events_before_the_yes_are_released_by_it_in_order_of_arrival(
    browser: APIClient, log: "LogReader", viewed: Maker
) -> None:
    for number in range(30):
        send(browser, viewed(f"early-{number}", context=UNSAID))
    assert (logged(), get_waiting_room().length()) == ([], 30)

    send(browser, viewed("yes"))

    assert logged() == ["yes", *(f"early-{number}" for number in range(30))]
    assert {event.allowed for event in log.events()} == {("analytics", "personalization")}
    assert (get_waiting_room().length(), log.counted()) == (0, [])


@pytest.mark.parametrize(
    "decision",
    [
        {"anonymousId": "phone"},
        {"anonymousId": None, "userId": "ada"},
        {"anonymousId": "other", "userId": "ada", "type": "identify"},
    ],
)
def test_a_yes_of_any_of_its_ids_releases_an_event(server: APIClient, viewed: Maker, decision: dict[str, Any]) -> None:
    send(server, viewed("both", userId="ada", anonymousId="phone", context=UNSAID))

    send(server, viewed("yes", **decision))

    assert set(logged()) == {"both", "yes"}


def test_what_a_released_event_links_releases_more(server: APIClient, viewed: Maker) -> None:
    send(server, viewed("account", anonymousId=None, userId="ada", context=UNSAID))
    send(server, viewed("both", userId="ada", anonymousId="phone", context=UNSAID))

    send(server, viewed("yes", anonymousId="phone"))

    assert set(logged()) == {"account", "both", "yes"}


def test_a_login_to_an_account_that_agreed_releases_what_the_device_did_before(
    server: APIClient, viewed: Maker
) -> None:
    send(server, viewed("yes", anonymousId=None, userId="ada"))
    send(server, viewed("early", anonymousId="phone", context=UNSAID))
    assert logged() == ["yes"]

    send(server, viewed("login", type="identify", userId="ada", anonymousId="phone", context=UNSAID))

    assert set(logged()) == {"yes", "early", "login"}


def test_a_yes_given_by_the_consents_route_releases(server: APIClient, viewed: Maker) -> None:
    send(server, viewed("early", context=UNSAID))

    body = json.dumps({"decisions": {"analytics": True}})
    server.put("/api/v1/consents/anonymous:bo", body, content_type="application/json")

    assert "early" in logged()


@pytest.mark.parametrize("by_route", [True, False])
def test_a_refusal_as_first_decision_leaves_nothing_anywhere(
    server: APIClient, log: "LogReader", viewed: Maker, by_route: bool
) -> None:
    for number in range(3):
        send(server, viewed(f"secret-m{number}", properties={"product_id": "secret-P"}, context=UNSAID))

    if by_route:
        body = json.dumps({"decisions": {"analytics": False, "personalization": False}})
        server.put("/api/v1/consents/anonymous:bo", body, content_type="application/json")
    else:
        send(server, viewed("refusal", properties={"product_id": "secret-P"}, context=NO))
    send(server, viewed("secret-m9", properties={"product_id": "secret-P"}, context=UNSAID))

    assert get_waiting_room().length() == 0
    assert b"secret" not in stored_text()
    record()
    assert [(event.name, event.properties) for event in Event.objects.all()] == [("Consent Updated", {})] or by_route
    assert not Event.objects.exclude(name="Consent Updated").exists()
    reasons = [one["reason"] for one in log.counted()]
    assert reasons == ["refused"] * (4 if by_route else 5)


def record() -> None:
    after = offsets(range(get_log().shards))
    Recorder().record(get_log().read_many(after), after=after)


def test_a_refusal_beats_a_yes_of_another_id_that_came_at_the_same_time(
    server: APIClient, log: "LogReader", viewed: Maker
) -> None:
    send(server, viewed("no", anonymousId="phone", context=NO, timestamp="2026-01-02T00:00:00Z"))
    send(server, viewed("both", userId="ada", anonymousId="phone", context=UNSAID))

    send(server, viewed("yes", anonymousId=None, userId="ada", timestamp="2026-01-01T00:00:00Z"))

    assert "both" not in logged()


def test_an_event_whose_time_is_over_is_counted_once_without_ids(
    server: APIClient, log: "LogReader", viewed: Maker
) -> None:
    send(server, viewed("secret", userId="secret-ada", context=UNSAID))

    assert count_overdue(seconds_ahead=7) == 0
    assert count_overdue(seconds_ahead=9) == 1
    assert count_overdue(seconds_ahead=9) == 0

    (count,) = log.counted()
    assert (count["name"], count["reason"], sorted(count)) == ("Product Viewed", "not_asked", ["day", "name", "reason"])
    assert b"secret" not in stored_text()


def test_a_yes_that_nobody_released_by_counts_when_the_time_is_over(
    server: APIClient, viewed: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(server, viewed("early", context=UNSAID))
    monkeypatch.setattr("events.services.waiting.release", lambda raw_ids: None)  # as if killed before it
    send(server, viewed("yes"))
    assert logged() == ["yes"]

    count_overdue(seconds_ahead=9)

    assert logged() == ["yes", "early"]


def test_a_decision_between_reading_and_waiting_is_not_missed(
    server: APIClient, viewed: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = states_of_people

    def decided_meanwhile(raw_ids: Any, **others: Any) -> Any:
        states = read(raw_ids, **others)
        monkeypatch.setattr(collecting, "states_of_people", read)
        send(server, viewed("yes"))
        return states

    monkeypatch.setattr(collecting, "states_of_people", decided_meanwhile)
    send(server, viewed("follower", context=UNSAID))

    assert logged() == ["yes", "follower"]


def test_a_message_that_comes_twice_waits_once_and_is_recorded_once(server: APIClient, viewed: Maker) -> None:
    send(server, viewed("m1", context=UNSAID), viewed("m1", context=UNSAID))
    send(server, viewed("m1", context=UNSAID))
    assert get_waiting_room().length() == 1

    send(server, viewed("yes"))
    send(server, viewed("m1"), viewed("m1", context=UNSAID))
    record()

    assert sorted(Event.objects.values_list("message_id", flat=True)) == ["m1", "yes"]


def test_only_its_own_kind_waits(browser: APIClient, log: "LogReader", viewed: Maker) -> None:
    order = {"order_id": "o1", "total": 5, "products": [{"product_id": "P1"}]}
    send(browser, viewed("order", event="Order Completed", properties=order, context=UNSAID))
    send(browser, viewed("signal", context=UNSAID), HTTP_SEC_GPC="1")
    send(browser, viewed("other", context=UNSAID, integrations={"Vitrine": False}))

    assert get_waiting_room().length() == 0
    assert sorted(one["reason"] for one in log.counted()) == ["gpc", "not_for_us"]


def test_without_a_wait_an_event_is_counted_at_once(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    with override_settings(CONSENT_WAIT_SECONDS=0):
        send(server, viewed(context=UNSAID))

    assert get_waiting_room().length() == 0
    assert [one["reason"] for one in log.bodies("counted")] == ["not_asked"]


def test_a_full_waiting_room_counts_and_lets_in_again(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    with override_settings(CONSENT_WAIT_MAX_BYTES=2000):
        send(server, *(viewed(f"m{number}", context=UNSAID) for number in range(9)))
    inside = get_waiting_room().length()

    assert 0 < inside < 9
    assert [one["reason"] for one in log.bodies("counted")] == ["no_room"] * (9 - inside)
    send(server, viewed("yes"))
    assert len(logged()) == inside + 1
    assert int(redis.client().get("v:wait:bytes") or 0) == 0


def test_while_the_log_is_full_what_waits_stays(server: APIClient, viewed: Maker) -> None:
    send(server, viewed("early", context=UNSAID))
    room = get_waiting_room()
    room.log.max_shard_bytes, before = 1, room.log.max_shard_bytes
    try:
        with pytest.raises(Unavailable):
            count_overdue(seconds_ahead=9)
    finally:
        room.log.max_shard_bytes = before

    assert (room.length(), len(get_log().read(0)), get_log().length()) == (1, 0, 0)


def test_who_settles_second_writes_nothing(server: APIClient, viewed: Maker) -> None:
    from events.services.submission import Submission
    from events.services.waiting import _waiting

    send(server, viewed("early", context=UNSAID))
    room = get_waiting_room()
    (body,) = room.bodies_of([subject_pseudonym("anonymous:bo")])
    pair = (_waiting(Submission.decode(body)), Entry("counted", "early", b"{}"))

    for _ in range(2):
        room.settle([pair])

    assert (room.length(), get_log().length()) == (0, 1)


def test_what_waits_holds_no_address_and_no_user_agent(browser: APIClient, viewed: Maker) -> None:
    context = {"ip": "203.0.113.9", "userAgent": "secret-agent", "page": {"url": "https://shop.example/?q=secret"}}
    send(browser, viewed("m1", context=context), HTTP_USER_AGENT="secret-browser")

    assert get_waiting_room().length() == 1
    assert b"secret" not in stored_text()
    assert b"203.0.113.9" not in stored_text()


def test_an_erasure_reaches_what_waits(server: APIClient, viewed: Maker) -> None:
    store = {store.name: store for store in privacy.stores()}["events"]
    send(server, viewed("mine", userId="ada", anonymousId="phone", context=UNSAID))
    send(server, viewed("other", userId="cy", anonymousId="phone", context=UNSAID))
    ada = privacy.Person((subject_pseudonym("user:ada"), subject_pseudonym("anonymous:phone")))

    assert (store.verify(ada), store.erase(ada), store.verify(ada)) == (1, 1, 0)

    assert get_waiting_room().length() == 1


def test_an_erasure_reaches_what_waits_and_claims_the_user(browser: APIClient, viewed: Maker) -> None:
    store = {store.name: store for store in privacy.stores()}["events"]
    send(browser, viewed("claim", userId="ada", anonymousId="phone", context=UNSAID))

    ada = privacy.Person((subject_pseudonym("user:ada"),))
    assert (store.erase(ada), get_waiting_room().length()) == (1, 0)


def test_an_account_s_yes_releases_no_claim_on_it(browser: APIClient, server: APIClient, viewed: Maker) -> None:
    send(browser, viewed("claim", userId="ada", anonymousId="phone", context=UNSAID))

    send(server, viewed("yes", userId="ada", anonymousId=None))

    assert (logged(), get_waiting_room().length()) == (["yes"], 1)


def test_nobody_keeps_another_browser_s_event_from_waiting_by_its_message_id(browser: APIClient, viewed: Maker) -> None:
    send(browser, viewed("m1", anonymousId="eve", context=UNSAID))
    send(browser, viewed("m1", anonymousId="bo", context=UNSAID))

    send(browser, viewed("yes", anonymousId="bo"))

    assert logged() == ["yes", "m1"]


def test_the_sweeper_goes_on_after_a_store_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([Unavailable("away"), None])
    rounds: list[int] = []

    class Stop:
        def wait(self, seconds: float) -> bool:
            return len(rounds) == 2

    def count() -> int:
        rounds.append(clock.epoch_us())
        if error := next(answers):
            raise error
        return 0

    monkeypatch.setattr("events.sweeper.count_overdue", count)
    monkeypatch.setattr("events.sweeper.close_old_connections", lambda: None)
    monkeypatch.setattr("events.sweeper.close_broken_connection", lambda: None)

    sweep(Stop())  # type: ignore[arg-type]

    assert len(rounds) == 2
