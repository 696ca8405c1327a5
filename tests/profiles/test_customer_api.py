"""GET /api/v1/customers/{id}: the exact body, for keys with the scope only."""

from typing import Any

import pytest
from django.test import Client

from access.services import create_key
from common import redis
from common.clock import from_microseconds
from common.pseudonyms import pseudonym
from consents import cache as consent_cache
from consents.state import Decision
from customers import services as customers
from customers.identity import Link
from customers.shop_ids import keep_ids, newly_sealed
from profiles import services
from profiles.segmenter import Segmenter
from profiles.services.segments import create_segment, edit_segment
from tests.events.builders import START, event

pytestmark = pytest.mark.django_db
ADA, PHONE = pseudonym("ada"), pseudonym("phone")
USER = f"user:{ADA}"


@pytest.fixture
def ada() -> None:
    keep_ids(newly_sealed(["ada", "phone"]))
    customers.ensure_customers([USER])
    customers.apply_links([Link("claim", PHONE, ADA, START, "m0")])
    customers.apply_traits(
        [
            customers.StatedTraits(USER, START + 2, "m2", {"city": "Bremen", "loyalty": "gold"}),
            customers.StatedTraits(USER, START + 1, "m1", {"city": "Oslo", "email": "ada@example.com"}),
            customers.StatedTraits(USER, START + 3, "m3", {"email": None}),
        ]
    )
    identified = event(0, kind="identify", name="", properties={}, user_id=ADA, anonymous_id=PHONE)
    views = event(1, user_id=ADA), event(2, user_id=None, anonymous_id=PHONE)
    services.apply_events([identified, *views], offsets={})


def decide(*, given: bool) -> None:
    pipe = redis.client().pipeline()
    consent_cache.apply_all(pipe, USER, {"personalization": Decision(given, 1 if given else 2)})
    pipe.execute()


@pytest.fixture
def make_segments(ada: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ada is in two segments, of which one is switched off afterwards."""
    monkeypatch.setattr("profiles.services.segment_jobs.current_app.send_task", lambda *args, **more: None)
    decide(given=True)
    rule = {"event": "view", "times": 1}
    create_segment(key="lookers", name="Lookers", rule=rule, actor="system:test")
    off = create_segment(key="former", name="Former", rule=rule, actor="system:test")
    Segmenter().work(range(4))
    edit_segment(off.pk, actor="system:test", name="Former", active=False)


def get(path: str, *, scopes: tuple[str, ...] = ("customers:read",), kind: Any = "sk") -> Any:
    _, raw = create_key(kind=kind, name="test", scopes=scopes)
    return Client().get(path, headers={"authorization": f"Bearer {raw}"})


@pytest.mark.parametrize("subject", ["user:ada", "ada", "anonymous:phone"])
def test_a_customer_is_found_by_any_id(ada: None, subject: str) -> None:
    answer = get(f"/api/v1/customers/{subject}")

    body = answer.json()
    assert answer.status_code == 200
    assert list(body) == ["user_ids", "anonymous_ids", "traits", "segments", "attributes"]
    assert (body["user_ids"], body["anonymous_ids"], body["segments"]) == (["ada"], ["phone"], [])
    assert body["attributes"] == {"city": "Bremen", "loyalty": "gold"}
    assert body["traits"]["last_viewed"] == ["P2", "P1"]
    assert body["traits"]["action_counts"] == {"view": 2}


def test_a_visitor_whom_nobody_knows_is_a_customer_too() -> None:
    keep_ids(newly_sealed(["tablet"]))
    services.apply_events([event(5, user_id=None, anonymous_id=pseudonym("tablet"))], offsets={})

    body = get("/api/v1/customers/anonymous:tablet").json()

    assert (body["user_ids"], body["anonymous_ids"]) == ([], ["tablet"])
    assert body["traits"]["last_viewed"] == ["P5"]


@pytest.mark.parametrize("named", ["user:%20Cy%0AJr%20", "%20user:Cy%0AJr", "Cy%0AJr%20"])
def test_an_id_is_read_as_events_and_consents_read_it(named: str) -> None:
    services.apply_events([event(5, user_id=pseudonym("Cy\nJr"))], offsets={})

    assert get(f"/api/v1/customers/{named}").json()["traits"]["last_viewed"] == ["P5"]
    assert get(f"/api/v1/customers/{named}/segments").status_code == 200


def test_no_id_at_all_is_refused_by_its_name() -> None:
    answer = get("/api/v1/customers/user:")

    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "subject", "message": "must be user:ID, anonymous:ID or an id"}]


def test_a_stranger_is_not_found() -> None:
    answer = get("/api/v1/customers/eve")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert get("/api/v1/customers/eve/segments").status_code == 404


def test_segments_are_empty_until_there_are_some(ada: None) -> None:
    assert get("/api/v1/customers/ada/segments").json() == {"segments": []}


@pytest.mark.parametrize("subject", ["user:ada", "anonymous:phone"])
def test_active_segments_are_named_with_the_time_of_entering(ada: None, subject: str, make_segments: None) -> None:
    answer = get(f"/api/v1/customers/{subject}/segments").json()

    assert answer == {
        "segments": [
            {
                "key": "lookers",
                "name": "Lookers",
                "since": from_microseconds(event(2).at).isoformat().replace("+00:00", "Z"),
            }
        ]
    }
    assert get(f"/api/v1/customers/{subject}").json()["segments"] == answer["segments"]


def test_who_withdrew_has_no_segments_whatever_redis_still_holds(ada: None, make_segments: None) -> None:
    decide(given=False)

    assert get("/api/v1/customers/ada/segments").json() == {"segments": []}


@pytest.mark.parametrize(("kind", "scopes"), [("sk", ("catalog:read",)), ("pk", ())])
def test_a_key_without_the_scope_is_refused(ada: None, kind: str, scopes: tuple[str, ...]) -> None:
    assert get("/api/v1/customers/ada", kind=kind, scopes=scopes).status_code == 403
    assert Client().get("/api/v1/customers/ada").status_code == 401
