"""The socket of a results page: who may open it, what it sends, and when it closes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import Settings

from access.models import User
from common import redis
from experiments.keys import CHANGED
from experiments.models import Experiment
from experiments.results import ArmUnits
from portal.experiments import snapshot, socket, ticker
from tests.personalization.sockets.sessions import Session, in_loop
from tests.portal.experiments import shown
from tests.portal.experiments.conftest import Show
from tests.staff import person

pytestmark = pytest.mark.django_db(transaction=True)
HOST = "shop.example"


@dataclass
class Viewer:
    """Somebody who is signed in."""

    user: User
    browser: Client

    def session(self, *, key: str = "home-ranker", origin: str = f"https://{HOST}") -> Session:
        """Return a socket that is not connected yet."""
        cookie = f"sessionid={self.browser.cookies['sessionid'].value}"
        return Session(path=f"/ws/experiments/{key}", origin=origin, host=HOST, cookie=cookie)


@pytest.fixture
def viewer(ranker: Experiment) -> Viewer:
    user, browser = person("mo", "view_experiment"), Client()
    browser.force_login(user)
    return Viewer(user, browser)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at permissions often."""
    monkeypatch.setattr(socket, "HEARTBEAT_SECONDS", 0.2)


def tell() -> None:
    """Say that the numbers changed."""
    redis.client().publish(CHANGED, "home-ranker")


def test_numbers_come_at_once_and_again_when_they_changed(viewer: Viewer, show: Show) -> None:
    async def watch() -> str:
        session = viewer.session()
        await session.connect()
        first = await session.next()
        assert "4,000" in first["parts"]["visitors"]
        await asyncio.sleep(1.2)  # the subscription stands, and the first second is over
        arms = (
            ArmUnits("popular", "Popular", 4001, 0.5, 0.5),
            ArmUnits("hybrid", "Hybrid", 4037, 0.5, 0.5),
        )
        show(shown.results(arms=arms))
        tell()
        news = await session.until(lambda one: "4,001" in one.get("parts", {}).get("visitors", ""))
        await session.leave()
        return str(news["at"])

    assert in_loop(watch)


def test_two_viewers_cost_one_computation(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []
    original = snapshot.compute_in_turn

    def count(key: str) -> str | None:
        encoded = original(key)
        computed.extend([key] if encoded else [])
        return encoded

    monkeypatch.setattr(ticker, "compute_in_turn", count)

    async def watch() -> None:
        sessions = [viewer.session() for _ in range(5)]
        for session in sessions:
            await session.connect()
            await session.next()
        await asyncio.sleep(1.5)
        computed.clear()
        for _ in range(20):
            tell()
        for session in sessions:
            await session.until(lambda one: "parts" in one)
        await asyncio.sleep(0.3)
        assert len(computed) <= 2
        for session in sessions:
            await session.leave()

    in_loop(watch)


def test_who_loses_the_permission_loses_the_socket(viewer: Viewer) -> None:
    async def watch() -> int:
        session = viewer.session()
        await session.connect()
        await session.next()
        await asyncio.to_thread(take_permissions, viewer.user)
        return await closed_with(session)

    assert in_loop(watch) == 4403


def test_who_signs_out_loses_the_socket(viewer: Viewer) -> None:
    async def watch() -> int:
        session = viewer.session()
        await session.connect()
        await session.next()
        await asyncio.to_thread(viewer.browser.logout)
        return await closed_with(session)

    assert in_loop(watch) == 4401


@pytest.mark.parametrize(
    ("open_session", "code"),
    [
        (lambda viewer: viewer.session(origin="https://elsewhere.example"), 4403),
        (lambda viewer: viewer.session(origin=""), 4403),
        (lambda viewer: viewer.session(key="unknown"), 4404),
        (lambda viewer: Session(path="/ws/experiments/home-ranker", origin=f"https://{HOST}", host=HOST), 4401),
    ],
)
def test_strangers_are_refused(viewer: Viewer, open_session: Callable[[Viewer], Session], code: int) -> None:
    async def ask() -> int:
        session = open_session(viewer)
        await session.connect()
        return await closed_with(session)

    assert in_loop(ask) == code


def test_staff_without_the_permission_are_refused(viewer: Viewer) -> None:
    take_permissions(viewer.user)

    async def ask() -> int:
        session = viewer.session()
        await session.connect()
        return await closed_with(session)

    assert in_loop(ask) == 4403


def test_a_full_process_says_try_later(viewer: Viewer, settings: Settings) -> None:
    settings.PUSH_MOST_SOCKETS = 1

    async def ask() -> int:
        first, second = viewer.session(), viewer.session()
        await first.connect()
        await first.next()
        await second.connect()
        code = await closed_with(second)
        await first.leave()
        return code

    assert in_loop(ask) == 1013


def test_the_last_viewer_ends_the_work(viewer: Viewer) -> None:
    async def watch() -> list[str]:
        session = viewer.session()
        await session.connect()
        await session.next()
        await session.leave()
        await asyncio.sleep(0)
        names = [str(one.get_coro()) for one in asyncio.all_tasks() if not one.done()]
        return [name for name in names if "Ticker" in name or "ResultsSocket" in name]

    assert in_loop(watch) == []


def take_permissions(user: User) -> None:
    """Take all permissions from somebody."""
    user.user_permissions.set(Permission.objects.none())


async def closed_with(session: Session) -> int:
    """Return the close code, after messages that came before."""
    while True:
        message = await session._wire.receive_output(timeout=20)
        if message["type"] == "websocket.close":
            await session.leave()
            return int(message["code"])
