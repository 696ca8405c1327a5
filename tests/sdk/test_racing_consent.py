"""Only the first of many parallel events carries the shopper's yes: unmodified SDKs lose none, whoever is killed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import psycopg2
import pytest
from django.test import override_settings

from bench import _stage
from common.pseudonyms import pseudonym
from tests.sdk.conftest import CONSENT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PARALLEL, BATCHED = 40, 300
ALL_PROCESSES = ("web", "recorder", "profiler", "valkey")
WAIT_SECONDS = 20
"""Longer than by default: killed processes need a while to come back on a busy machine."""
DONE_SECONDS = 90.0
pytestmark = pytest.mark.sdk_node


class Race:
    """A running installation, durable as in production, and what its tables hold."""

    def __init__(self, stage: _stage.Stage) -> None:
        self.stage, self.key = stage, _stage.new_key(stage)

    def kill_everything(self) -> None:
        """Kill web server, consumers and Valkey at once; they are started again."""
        for name in ALL_PROCESSES:
            self.stage.programs[name].kill()

    def rows(self, query: str, *arguments: str) -> list[tuple[str, ...]]:
        """Return what PostgreSQL answers."""
        connection = psycopg2.connect(self.stage.stores.postgres.owner_url)
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(query, arguments)
            return list(cursor.fetchall())

    def viewed(self, id: str) -> list[str]:
        """Return the products of the recorded events with this id of the shop, one for each row, sorted."""
        with override_settings(MASTER_KEY=self.stage.environment["SECRET_KEY"]):
            known_as = pseudonym(id)
        query = "SELECT properties->>'product_id' FROM events_event WHERE name = 'Product Viewed' AND %s IN"
        return sorted(name for (name,) in self.rows(f"{query} (user_id, anonymous_id)", known_as))

    def await_events(self, subject: str, count: int) -> None:
        """Return once so many are recorded, and some time later none is doubled; fail with what is there."""
        expected = sorted(f"P{number}" for number in range(count))
        deadline = time.monotonic() + DONE_SECONDS
        while len(self.viewed(subject)) < count and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        assert self.viewed(subject) == expected
        assert self.rows("SELECT name, reason, n FROM events_count WHERE n > 0") == []

    def post(self, *items: dict[str, object]) -> None:
        """Send a batch that is answered 200."""
        headers = {"Authorization": f"Bearer {self.key}"}
        request = Request(f"{self.stage.url}/v1/batch", json.dumps({"batch": items}).encode(), headers)
        with urlopen(request, timeout=20) as answer:
            assert answer.status == 200


@pytest.fixture
def race(installation: Race) -> Race:
    """The installation, after its web server is back: the test before may have killed it."""
    _stage.until(lambda: _stage.answers(f"{installation.stage.url}/readyz"), seconds=60, what="the web server")
    return installation


@pytest.fixture(scope="module")
def installation() -> Iterator[Race]:
    """An installation whose processes may be killed."""
    with _stage.stage() as stage:
        stage.environment["CONSENT_WAIT_SECONDS"] = str(WAIT_SECONDS)
        stage.serve()
        for work in ("recorder", "profiler"):
            stage.run(work, sys.executable, "manage.py", "consume", "--only", work)
        yield Race(stage)


@pytest.mark.parametrize("kill", [False, True], ids=["calm", "killed"])
def test_a_server_sdk_that_sends_its_batches_in_parallel(race: Race, node_folder: Path, kill: bool) -> None:
    user = f"ada-{kill}"
    variables = {"HOST": race.stage.url, "KEY": race.key, "USER": user, "EVENTS": str(BATCHED)}
    sender = subprocess.Popen(
        ["node", "race.mjs"], cwd=node_folder, env={**os.environ, **variables}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert sender.stdout
    assert sender.stdout.readline() == "sending\n"
    if kill:
        time.sleep(0.1)
        race.kill_everything()
    _, errors = sender.communicate(timeout=DONE_SECONDS)

    assert sender.returncode == 0, errors
    race.await_events(user, BATCHED)


@pytest.mark.browser
@pytest.mark.parametrize("kill", [False, True], ids=["calm", "killed"])
@pytest.mark.parametrize("file", ["race.html", "race_rudder.html"], ids=["segment", "rudder"])
def test_a_browser_sdk_that_sends_each_event_alone(
    race: Race, pages_address: str, chromium: "Browser", file: str, kill: bool
) -> None:
    page = chromium.new_page()
    page.goto(pages_address + file + "?" + urlencode({"host": race.stage.url, "key": race.key}))
    anonymous_id = page.evaluate(f"race({PARALLEL})")
    if kill:
        page.wait_for_timeout(50)
        race.kill_everything()

    within(lambda: page.wait_for_timeout(200), until=lambda: len(race.viewed(anonymous_id)) >= PARALLEL)
    page.close()
    race.await_events(anonymous_id, PARALLEL)


def within(pause: Callable[[], object], *, until: Callable[[], bool]) -> None:
    """Pause until it is true, or too long: the browser works only while Playwright waits."""
    deadline = time.monotonic() + DONE_SECONDS
    while not until() and time.monotonic() < deadline:
        pause()


def item(number: int, subject: str, **fields: object) -> dict[str, object]:
    return {
        "type": "track",
        "event": "Product Viewed",
        "messageId": f"{subject}-{number}",
        "anonymousId": subject,
        "properties": {"product_id": f"P{number}"},
        **fields,
    }


def test_what_waits_survives_a_kill_of_every_process(race: Race) -> None:
    race.post(*(item(number, "survivor") for number in range(1, PARALLEL)))
    assert race.viewed("survivor") == []

    race.kill_everything()
    _stage.until(lambda: _stage.answers(f"{race.stage.url}/readyz"), seconds=60, what="the web server")
    race.post(item(0, "survivor", context=CONSENT))

    race.await_events("survivor", PARALLEL)
