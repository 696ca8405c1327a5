"""Who may not ask, or asks wrongly, gets a problem and a close code; an unproved user id gets a stranger's answer."""

import asyncio
from typing import Any

import pytest

from access import selectors
from access.identity import sign_user
from access.models import ApiKey
from access.services import create_key
from personalization.api.sockets import tickets
from tests.personalization.shop import ADA, inside, says, views
from tests.personalization.sockets.sessions import Session, in_loop
from tests.personalization.unproved import DoorShop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop")]


def refusal(message: Any, placement: str = "home", **headers: str) -> tuple[int, int, list[str]]:
    """Return status, close code and named fields of the problem."""

    async def talk() -> tuple[dict[str, Any], int]:
        return await (await Session(placement, **headers).open(message)).refusal()

    body, code = in_loop(talk)
    assert body.keys() >= {"type", "title", "status", "detail"}
    return body["status"], code, [error["field"] for error in body.get("errors", ())]


def first_answer(message: Any, placement: str = "home", **headers: str) -> dict[str, Any]:
    """Return the first message."""

    async def talk() -> dict[str, Any]:
        session = await Session(placement, **headers).open(message)
        body = await session.next()
        await session.leave()
        return body

    return in_loop(talk)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"limit": 0}, ["limit"]),
        ({"limit": 500, "in_stock": "perhaps"}, ["limit", "in_stock"]),
        ({"fields": ["smell"]}, ["fields.0"]),
        ({"product_id": {"desk": 1}}, ["product_id"]),
        ({"cursor": "?"}, ["cursor"]),
    ],
)
def test_wrong_fields_are_named(page_key: str, fields: dict[str, Any], names: list[str]) -> None:
    assert refusal({"key": page_key, **fields}) == (400, 4400, names)


@pytest.mark.parametrize("message", ["", "no JSON", "[]", '{"key": "a", "key": "b"}', '{"limit": NaN}'])
def test_no_json_object_is_a_bad_request(message: str) -> None:
    assert refusal(message) == (400, 4400, [])


def test_too_long_a_message_is_refused(page_key: str) -> None:
    assert refusal({"key": page_key, "brand": "x" * 70_000}) == (413, 4413, [])


@pytest.mark.parametrize("message", [{}, {"key": "pk_unknown"}, {"ticket": "vt_guess"}])
def test_without_a_known_key_or_ticket_nothing_is_said(message: dict[str, Any]) -> None:
    assert refusal(message) == (401, 4401, [])


def test_an_unknown_placement_is_not_there(page_key: str) -> None:
    assert refusal({"key": page_key}, placement="nowhere") == (404, 4404, [])


def test_a_key_works_on_the_pages_it_lists_alone() -> None:
    key = create_key(kind="pk", name="page", origins=["https://shop.example"])[1]

    assert refusal({"key": key}, origin="https://evil.example") == (403, 4403, [])
    assert first_answer({"key": key}, origin="https://shop.example")["items"]


def test_a_secret_key_is_refused_on_a_page_and_needs_its_scope() -> None:
    key = create_key(kind="sk", name="server", scopes=["recommendations:read"])[1]
    other = create_key(kind="sk", name="other", scopes=["events:write"])[1]

    assert refusal({"key": key}, origin="https://shop.example") == (403, 4403, [])
    assert refusal({"key": other}) == (403, 4403, [])
    assert first_answer({"key": key})["items"]


def test_a_browser_names_no_strategy(page_key: str) -> None:
    assert refusal({"key": page_key, "strategy": "svd"}) == (403, 4403, [])


def test_a_socket_counts_as_a_request(page_key: str, settings: Any) -> None:
    settings.KEY_RATES = {**settings.KEY_RATES, "pk": "2/minute"}

    assert first_answer({"key": page_key, **ADA})["items"]
    assert refusal({"key": page_key, "limit": 0}) == (400, 4400, ["limit"])
    assert refusal({"key": page_key, **ADA}) == (429, 4429, [])


def test_an_unproved_user_gets_a_strangers_answer_and_no_later_one() -> None:
    shop = DoorShop()
    views(inside(ADA), "desk")

    async def talk(**proof: str) -> tuple[dict[str, Any], bool]:
        session = await Session("recent").open({"key": shop.public, **ADA, **proof})
        body = await session.next()
        views(inside(ADA), "lamp" if proof else "rug")
        quiet = await session.is_quiet()
        await session.leave()
        return body, quiet

    (claimed, claimed_quiet), (proved, proved_quiet) = (
        in_loop(talk),
        in_loop(lambda: talk(user_hash=shop.hash_of("ada"))),
    )

    assert (claimed["personalized"], claimed["items"], claimed_quiet) == (False, [], True)
    assert (proved["personalized"], proved_quiet) == (True, False)


def test_a_ticket_of_the_server_proves_the_user_once(client: Any) -> None:
    shop = DoorShop()
    views(inside(ADA), "desk")
    ticket = shop.client(shop.secret).post("/api/v1/tickets", ADA, format="json").json()["ticket"]

    body = first_answer({"ticket": ticket, "limit": 3}, placement="recent", origin="https://any.example")

    assert [item["product_id"] for item in body["items"]] == ["desk"]
    assert refusal({"ticket": ticket}) == (401, 4401, [])


def test_the_ticket_names_the_shopper() -> None:
    shop = DoorShop()
    ticket = shop.client(shop.secret).post("/api/v1/tickets", ADA, format="json").json()["ticket"]

    assert refusal({"ticket": ticket, "user_id": "bo"}) == (400, 4400, ["user_id"])


def test_a_pages_ticket_is_bound_to_the_keys_pages() -> None:
    key = create_key(kind="pk", name="page", origins=["https://shop.example"])[1]
    page = DoorShop().client(key)
    got = [page.post("/api/v1/tickets", {"anonymous_id": "bo"}, format="json").json()["ticket"] for _ in range(2)]

    assert refusal({"ticket": got[0]}, origin="https://evil.example") == (403, 4403, [])
    assert first_answer({"ticket": got[1]}, origin="https://shop.example")["items"]
    assert tickets.PURPOSE == "recommendations"


@pytest.mark.parametrize("signal", [{"headers": {"sec_gpc": "1"}}, {"fields": {"gpc": True}}])
def test_the_privacy_signal_holds(page_key: str, signal: dict[str, dict[str, Any]]) -> None:
    views(inside(ADA), "desk")

    body = first_answer({"key": page_key, **ADA, **signal.get("fields", {})}, **signal.get("headers", {}))

    assert (body["personalized"], body["degraded"]) == (False, "no_consent")


def test_a_revoked_key_ends_the_socket(page_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalization.api.sockets.socket.HEARTBEAT_SECONDS", 0.5)

    async def talk() -> tuple[dict[str, Any], int]:
        session = await Session().open({"key": page_key, **ADA})
        await session.next()
        await asyncio.to_thread(revoke)
        return await session.refusal()

    def revoke() -> None:
        ApiKey.objects.all().delete()
        selectors.forget_keys()

    body, code = in_loop(talk)

    assert (body["status"], code) == (401, 4401)


def test_who_sends_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalization.api.sockets.socket.OPENING_SECONDS", 0.2)

    async def talk() -> int:
        session = Session()
        await session.connect()
        return await session.close_code()

    assert in_loop(talk) == 4408


def test_a_full_process_says_try_again_later(page_key: str, settings: Any) -> None:
    settings.PUSH_MOST_SOCKETS = 1

    async def talk() -> tuple[tuple[dict[str, Any], int], dict[str, Any]]:
        first = await Session().open({"key": page_key})
        await first.next()
        refused = await (await Session().open({"key": page_key})).refusal()
        await first.leave()
        again = await Session().open({"key": page_key})
        body = await again.next()
        await again.leave()
        return refused, body

    (problem, code), body = in_loop(talk)

    assert (problem["status"], problem["retry_after"], code) == (503, 10, 1013)
    assert body["items"]


def test_a_client_that_talks_all_the_time_is_closed(page_key: str) -> None:
    async def talk() -> tuple[dict[str, Any], int]:
        session = await Session().open({"key": page_key})
        await session.next()
        for _ in range(60):
            await session.say("x")
        return await session.refusal()

    body, code = in_loop(talk)

    assert (body["status"], code) == (429, 4429)


def test_what_is_no_socket_of_ours_is_closed() -> None:
    async def talk() -> int:
        session = Session(path="/ws/unknown")
        await session.say(None, type="websocket.connect")
        return await session.close_code()

    assert in_loop(talk) == 1000


def test_a_proof_by_another_key_is_none() -> None:
    shop = DoorShop()
    says(inside(ADA))
    views(inside(ADA), "desk")

    body = first_answer({"key": shop.public, **ADA, "user_hash": sign_user("other", user_id="ada")})

    assert not body["personalized"]
