"""A socket sends the answer, and a new one whenever the shopper's state changed it, and at no other time."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from common import redis
from common.clock import epoch_us
from common.pseudonyms import pseudonym, subject_pseudonym
from consents import cache
from events.log import get_log
from personalization.serving.exposures import exposures
from tests.personalization.shop import ADA, BO, CY, inside, says, views
from tests.personalization.sockets.sessions import Session, in_loop, slow_reader

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop")]


def products_of(body: dict[str, Any]) -> list[str]:
    """Return the products of an answer."""
    return [item["product_id"] for item in body["items"]]


def without_id(body: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without what differs each time."""
    return {name: value for name, value in body.items() if name not in ("recommendation_id", "took_ms")}


def test_the_first_message_is_the_answer_of_a_get(page_key: str, browser: APIClient) -> None:
    views(inside(ADA), "desk")
    query = {**ADA, "product_id": "desk", "limit": 3, "fields": "title,reason"}

    async def first() -> dict[str, Any]:
        session = await Session("similar").open({"key": page_key, **query})
        body = await session.next()
        await session.leave()
        return body

    body = in_loop(first)

    assert without_id(body) == without_id(browser.get("/api/v1/recommendations/similar", query).json())
    assert products_of(body)


@pytest.mark.parametrize("who", [ADA, BO])
def test_an_event_of_the_shopper_brings_a_new_answer(page_key: str, who: dict[str, str]) -> None:
    async def both() -> tuple[dict[str, Any], dict[str, Any]]:
        session = await Session("recent").open({"key": page_key, **who})
        before = await session.next()
        views(inside(who), "desk")
        after = await session.next()
        await session.leave()
        return before, after

    before, after = in_loop(both)

    assert (products_of(before), before["degraded"]) == ([], "no_model")
    assert (products_of(after), after["personalized"]) == (["desk"], True)
    assert before["recommendation_id"] != after["recommendation_id"]


def test_events_of_others_and_events_that_change_nothing_are_silent(page_key: str) -> None:
    async def quiet() -> tuple[bool, bool]:
        session = await Session("trending").open({"key": page_key, **ADA})
        other = await Session("recent").open({"key": page_key, **ADA})
        await session.next()
        await other.next()
        views(inside(BO), "desk")
        of_others = await other.is_quiet()
        views(inside(ADA), "desk")
        await other.next()
        views(inside(ADA), "desk")
        views(inside(ADA), "desk")
        unchanged = await other.is_quiet()
        await session.leave()
        await other.leave()
        return of_others, unchanged

    assert in_loop(quiet) == (True, True)


def test_many_changes_at_once_bring_few_answers_and_the_last_is_right(page_key: str) -> None:
    names = ["desk", "lamp", "rug", "chair", "bowl"]

    async def pushed() -> list[list[str]]:
        session = await Session("recent").open({"key": page_key, **ADA})
        await session.next()
        for name in names:
            views(inside(ADA), name)
        answers = [products_of(await session.next())]
        while len(answers[-1]) < len(names):
            answers.append(products_of(await session.next()))
        await session.leave()
        return answers

    answers = in_loop(pushed)

    assert len(answers) <= 2
    assert set(answers[-1]) == set(names)


def test_an_event_on_a_linked_id_reaches_the_account(page_key: str) -> None:
    from events.types.base import Event
    from profiles.services import apply_events

    login = Event(
        message_id="login",
        kind="identify",
        name="",
        at=epoch_us(),
        received_at=epoch_us(),
        user_id=pseudonym("ada"),
        anonymous_id=pseudonym("ada-phone"),
        allowed=("analytics", "personalization"),
        source="server",
    )

    async def after() -> dict[str, Any]:
        session = await Session("recent").open({"key": page_key, **ADA})
        await session.next()
        says(inside({"anonymous_id": "ada-phone"}))
        apply_events([login], offsets={})
        views(inside({"anonymous_id": "ada-phone"}), "desk")
        body = await session.next()
        await session.leave()
        return body

    assert products_of(in_loop(after)) == ["desk"]


def test_a_withdrawal_ends_what_is_personal(page_key: str) -> None:
    views(inside(ADA), "desk")

    async def after() -> tuple[dict[str, Any], bool]:
        session = await Session("home").open({"key": page_key, **ADA})
        assert (await session.next())["personalized"]
        says(inside(ADA), allowed=False)
        body = await session.next()
        views(inside(ADA), "lamp")
        quiet = await session.is_quiet()
        await session.leave()
        return body, quiet

    body, quiet = in_loop(after)

    assert (body["personalized"], body["degraded"], quiet) == (False, "no_consent", True)


def test_a_refusal_on_an_id_linked_by_consent_alone_holds(page_key: str) -> None:
    views(inside(ADA), "desk")

    async def after() -> dict[str, Any]:
        session = await Session("home").open({"key": page_key, **ADA})
        assert (await session.next())["personalized"]
        says(inside({"anonymous_id": "tablet"}), allowed=False)
        pipe = redis.client().pipeline()
        cache.link(pipe, subject_pseudonym("anonymous:tablet"), subject_pseudonym("user:ada"), epoch_us())
        pipe.execute()
        body = await session.next()
        await session.leave()
        return body

    assert in_loop(after)["degraded"] == "no_consent"


def test_consent_given_brings_a_personal_answer(page_key: str) -> None:
    async def after() -> dict[str, Any]:
        session = await Session("recent").open({"key": page_key, **CY})
        assert (await session.next())["degraded"] == "no_consent"
        says(inside(CY))
        views(inside(CY), "desk")
        body = await session.until(lambda body: bool(body["items"]))
        await session.leave()
        return body

    assert in_loop(after)["personalized"]


def test_a_changed_product_brings_a_new_answer(page_key: str) -> None:
    from asgiref.sync import sync_to_async

    from catalog.services import bulk_upsert

    async def after() -> dict[str, Any]:
        session = await Session("home").open({"key": page_key, "limit": 50})
        before = await session.next()
        row = {"product_id": "desk", "title": "Oak desk of 2027", "currency": "EUR", "price": "1.00"}
        await sync_to_async(bulk_upsert)([row], actor="key:test")
        body = await session.next()
        await session.leave()
        return {"before": before, "after": body}

    bodies = in_loop(after)

    titles = {name: {item["title"] for item in body["items"]} for name, body in bodies.items()}
    assert "Oak desk of 2027" in titles["after"] - titles["before"]


def test_each_answer_that_was_sent_is_an_exposure(page_key: str) -> None:
    exposures.forget()

    async def two() -> list[str]:
        session = await Session("recent").open({"key": page_key, **ADA})
        first = await session.next()
        views(inside(ADA), "desk")
        second = await session.next()
        await session.is_quiet()
        await session.leave()
        return [first["recommendation_id"], second["recommendation_id"]]

    ids = in_loop(two)
    assert exposures.flush() == len(ids)

    log = get_log()
    entries = [
        entry for rows in log.read_many(dict.fromkeys(range(log.shards), 0), count=100).values() for entry in rows
    ]
    assert all(any(one.encode() in str(entry).encode() for entry in entries) for one in ids)


def test_a_slow_reader_gets_the_latest_answer_alone(page_key: str) -> None:
    async def after() -> list[list[str]]:
        session = await Session("recent", app=slow_reader(0.8)).open({"key": page_key, **ADA})
        await session.next()
        views(inside(ADA), "desk")
        answers: list[list[str]] = []
        for name in ("lamp", "rug", "chair"):
            views(inside(ADA), name)
        while not answers or len(answers[-1]) < 4:
            answers.append(products_of(await session.next()))
        await session.leave()
        return answers

    answers = in_loop(after)

    assert len(answers) <= 2
    assert set(answers[-1]) == {"desk", "lamp", "rug", "chair"}


def test_who_reads_nothing_is_closed(page_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalization.api.sockets.socket.SLOW_SECONDS", 0.3)

    async def after() -> int:
        session = await Session("recent", app=slow_reader(60)).open({"key": page_key, **ADA})
        await session.next()
        views(inside(ADA), "desk")
        return await session.close_code()

    assert in_loop(after) == 4408


def test_a_heartbeat_shows_that_the_server_lives(page_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalization.api.sockets.socket.HEARTBEAT_SECONDS", 0.1)

    async def second() -> dict[str, Any]:
        session = await Session().open({"key": page_key, **ADA})
        await session.next()
        body = await session.next()
        await session.leave()
        return body

    assert in_loop(second) == {"heartbeat": True}


def test_while_redis_is_away_a_page_keeps_its_answer(page_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from personalization.serving import shoppers

    views(inside(ADA), "desk")

    async def after() -> tuple[bool, dict[str, Any]]:
        session = await Session("recent").open({"key": page_key, **ADA})
        await session.next()
        with monkeypatch.context() as patch:
            patch.setattr(shoppers, "_read", lambda *arguments: None)
            views(inside(ADA), "lamp")
            quiet = await session.is_quiet()
        body = await session.next()
        await session.leave()
        return quiet, body

    quiet, body = in_loop(after)

    assert quiet
    assert set(products_of(body)) == {"desk", "lamp"}
