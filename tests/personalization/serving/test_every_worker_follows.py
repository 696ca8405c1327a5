"""Promotion, roll-back, an increment and a rule are live in every web worker within two seconds: the real server."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
import pytest

from common.embedded import ports, procfile
from personalization.services.increments import run_increment
from personalization.services.registry import promote, roll_back
from personalization.services.rules import create_rule, edit_rule
from tests.events.journal import START
from tests.personalization.purchases import bought, put
from tests.personalization.releases import admitted
from tests.personalization.shop import model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked"), pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[3]
WORKERS, LIMIT, START_SECONDS, STOP_SECONDS = 2, 2.0, 60.0, 20.0
PAUSE = 0.05
Told = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True)
class Workers:
    """One kept-alive connection into each worker process, and a key."""

    connections: dict[int, HTTPConnection]
    key: str

    def answers(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Ask every worker once what to show at home; yield its process id and the answer."""
        for pid, connection in self.connections.items():
            connection.request("GET", "/api/v1/recommendations/home", headers={"Authorization": f"Bearer {self.key}"})
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200, body
            yield pid, json.loads(body)

    def follow(self, told: Told, *, within: float = LIMIT) -> float:
        """Return after how many seconds the last worker told so; fail where one has not in time."""
        began, silent = time.monotonic(), set(self.connections)
        while silent:
            silent -= {pid for pid, answer in self.answers() if told(answer)}
            took = time.monotonic() - began
            assert not silent or took < within, (
                f"after {took:.1f} s {len(silent)} of {WORKERS} workers had not followed"
            )
        assert all(told(answer) for _, answer in self.answers())
        return took


@pytest.fixture
def workers(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Workers]:
    """The Procfile's web process with two workers, on this test's stores and models."""
    from access.services import create_key

    port = ports.pick()
    environment = {
        **process_environment,
        "GRANIAN_HOST": ports.LOOPBACK,
        "GRANIAN_PORT": str(port),
        "GRANIAN_WORKERS": str(WORKERS),
        "MODEL_DIR": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    server = subprocess.Popen(procfile.read(ROOT / "Procfile")["web"], cwd=ROOT, env=environment)
    found: dict[int, HTTPConnection] = {}
    try:
        reach(server, port, found)
        yield Workers(found, create_key(kind="sk", name="server", scopes=["recommendations:read"])[1])
    finally:
        for connection in found.values():
            connection.close()
        server.terminate()
        try:
            server.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for process in [*psutil.Process(server.pid).children(recursive=True), server]:
                process.kill()
            server.wait()
            raise


def reach(server: "subprocess.Popen[bytes]", port: int, found: dict[int, HTTPConnection]) -> None:
    """Open a connection into each worker: the kernel says which process holds the other end.

    Workers start one after the other, and until then the first takes every connection.
    """
    deadline = time.monotonic() + START_SECONDS
    while len(found) < WORKERS:
        assert server.poll() is None, "the server ended"
        assert time.monotonic() < deadline, f"only {len(found)} workers answered"
        connection = opened(port)
        if connection is not None and found.setdefault(holder(server.pid, connection), connection) is not connection:
            connection.close()
        if len(found) < WORKERS:
            time.sleep(PAUSE)


def opened(port: int) -> HTTPConnection | None:
    """Return a connection over which the server has answered, None while it does not."""
    connection = HTTPConnection(ports.LOOPBACK, port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
    except OSError:
        connection.close()
        return None
    return connection


def holder(server: int, connection: HTTPConnection) -> int:
    """Return the process id of the worker at the other end."""
    ours = connection.sock.getsockname()[1]
    for process in psutil.Process(server).children(recursive=True):
        if any(one.raddr and one.raddr.port == ours for one in process.net_connections("tcp")):
            return int(process.pid)
    raise AssertionError("no worker holds the connection")


def live(version: str) -> Told:
    return lambda answer: answer["model_version"] == version


def shows(product_id: str) -> Told:
    return lambda answer: product_id in [item["product_id"] for item in answer["items"]]


def shows_first(product_id: str) -> Told:
    return lambda answer: bool(answer["items"]) and answer["items"][0]["product_id"] == product_id


def test_promotion_and_roll_back_are_live_in_every_worker_within_two_seconds(workers: Workers) -> None:
    first, second = admitted(model(("popular",))), admitted(model(("popular", "trending")))

    promote(first, actor="staff:1")
    workers.follow(live(first), within=START_SECONDS)  # the first answers of a process load what it needs

    promote(second, actor="staff:1")
    workers.follow(live(second))
    for former in (first, second, first):
        roll_back(actor="staff:1")
        workers.follow(live(former))


def test_an_increment_is_live_in_every_worker_within_two_seconds(workers: Workers) -> None:
    promote(admitted(model(("popular",))), actor="staff:1")
    workers.follow(shows_first("lamp"), within=START_SECONDS)
    put([bought(f"o{one}", one, "rug", START + one * 1_000_000) for one in range(60)])

    run_increment()
    workers.follow(shows_first("rug"))


def test_a_rule_is_live_in_every_worker_within_two_seconds(workers: Workers) -> None:
    promote(admitted(model(("popular",))), actor="staff:1")
    workers.follow(shows("lamp"), within=START_SECONDS)

    rule = create_rule(name="No lamp", wording={"effect": "exclude", "products": ["lamp"]}, actor="staff:1")
    workers.follow(lambda answer: not shows("lamp")(answer))

    edit_rule(rule.pk, wording={"effect": "exclude", "products": ["desk"]}, actor="staff:1")
    workers.follow(lambda answer: shows("lamp")(answer) and not shows("desk")(answer))
