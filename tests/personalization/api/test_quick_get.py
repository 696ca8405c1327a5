"""The plain GET of a placement answers as the POST beside it does, with an ETag and what the limit leaves."""

import time
from typing import TYPE_CHECKING, Any

import pytest
from pytest_django.fixtures import Settings

from personalization.services.placements import save_placement
from personalization.serving.durations import durations
from tests.personalization.shop import ADA, inside, views

if TYPE_CHECKING:
    from rest_framework.test import APIClient

HOME = "/api/v1/recommendations/home"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live_model")]


@pytest.fixture(autouse=True)
def without_exploration() -> None:
    """Let equal requests have equal answers."""
    save_placement("home", data={"explore_share": 0.0}, actor="staff:1")


def content(response: Any) -> tuple[int, dict[str, Any]]:
    """Return status and body, without what each answer has anew."""
    return response.status_code, {**response.json(), "recommendation_id": "", "took_ms": 0}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        ADA,
        {"user_id": " ada "},
        {"user_id": "ädä", "limit": 2},
        {**ADA, "limit": 3, "exclude": ["desk"], "fields": ["title"]},
        {**ADA, "personalized": False},
        {**ADA, "category": ["Lighting"], "min_price": "1"},
        {**ADA, "explain": True},
        {"user_id": "a" * 300},
        {"user_id": "a\x00b"},
        {"limit": "many"},
        {"limit": 0, "min_price": "cheap"},
        {"cursor": "~"},
        {"fields": ["secret"]},
    ],
    ids=str,
)
def test_get_and_post_say_the_same(server: "APIClient", fields: dict[str, Any]) -> None:
    views(inside(ADA), "desk")

    got, posted = server.get(HOME, fields), server.post(HOME, fields, format="json")

    assert content(got) == content(posted)
    for name in ("Content-Type", "Cache-Control", "Vary"):
        if fields.get("personalized", True) or name != "Cache-Control":
            assert got.headers.get(name) == posted.headers.get(name)


@pytest.mark.parametrize("path", [HOME, "/api/v1/recommendations/nowhere"])
def test_without_a_key_or_a_placement_both_refuse_alike(client: Any, server: "APIClient", path: str) -> None:
    for caller in (client, server):
        got, posted = caller.get(path), caller.post(path, {}, content_type="application/json")
        assert content(got) == content(posted) if "nowhere" in path or caller is client else got.status_code == 200
        assert got.headers.get("WWW-Authenticate") == posted.headers.get("WWW-Authenticate")


def test_an_answer_without_profile_is_confirmed_by_its_etag(server: "APIClient") -> None:
    fields: dict[str, Any] = {"personalized": "false", "limit": 3}
    first = server.get(HOME, fields)

    again = server.get(HOME, fields, headers={"If-None-Match": first["ETag"]})
    views(inside(ADA), "desk")
    other = server.get(HOME, {**fields, "limit": 2}, headers={"If-None-Match": first["ETag"]})

    assert first["Cache-Control"] == "private, no-cache"
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert other.status_code == 200
    assert "ETag" not in server.get(HOME, ADA)


def test_the_header_tells_what_the_limit_leaves(server: "APIClient", settings: Settings) -> None:
    settings.KEY_RATES = {"sk": "3/minute", "pk": "3/minute"}

    answers = [server.get(HOME, fields) for fields in (ADA, {}, {"limit": "many"}, ADA)]

    assert [one.status_code for one in answers] == [200, 200, 400, 429]
    assert [one["RateLimit-Remaining"] for one in answers[:2]] == ["2", "1"]
    assert 1 <= int(answers[3]["Retry-After"]) <= 60


def test_who_waited_for_a_worker_gets_what_is_quick_to_make(
    server: "APIClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    views(inside(ADA), "desk")
    monkeypatch.setattr(durations, "expected", lambda strategy: 20.0)

    def degraded(milliseconds: float) -> tuple[int, str | None]:
        response = server.get(HOME, ADA, headers={"X-Request-Start": str(int(time.time() * 1000 - milliseconds))})
        return response.status_code, response.json().get("degraded")

    assert degraded(140) == (200, "deadline")
    assert degraded(10) == (200, None)
    assert degraded(140) == (200, None), "by now it is remembered"
    assert degraded(5_000) == (503, None)
    assert degraded(-5_000) == (200, None), "another clock"
