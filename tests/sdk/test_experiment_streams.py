"""A change of an experiment reaches open SDKs by the event stream, behind the product's own proxy."""

import json
import logging
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path

import pytest
from growthbook import GrowthBook

from access.services import create_key
from experiments.services.lifecycle import change_coverage, ship
from tests.sdk.experiment_clients import AGREED, FLAG, MO, PAYLOADS, start_experiment

log = logging.getLogger(__name__)
SECONDS = 2.0
"""The longest time from a change in the admin until an open SDK has it."""


@pytest.fixture
def key(live_host: str, transactional_db: None) -> str:
    """A publishable key, beside a running experiment."""
    start_experiment()
    return create_key(kind="pk", name="sdk", requires_user_hash=False)[1]


@contextmanager
def stream(address: str, headers: dict[str, str] | None = None, *, seconds: float = 10.0) -> Iterator[HTTPResponse]:
    """Open a stream, whose reads wait for so many seconds."""
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers or {}), timeout=seconds) as answer:
        yield answer


def event_in(answer: HTTPResponse) -> dict[str, str]:
    """Return the fields of the next event; heartbeats are none. Raises TimeoutError."""
    fields: dict[str, str] = {}
    while True:
        line = answer.readline().decode().rstrip("\n")
        if not line and fields:
            return fields
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value


def test_a_stream_begins_with_the_payload_and_tells_each_change_to_both_kinds_of_sdk(live_host: str, key: str) -> None:
    with stream(f"{live_host}/api/features/{key}") as answer:
        payload = answer.read()
    with stream(f"{live_host}/sub/{key}", {"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["Content-Encoding"] is None
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        first = event_in(answer)
        assert (first["event"], json.loads(first["data"])) == ("features", json.loads(payload))

        began = time.monotonic()
        change_coverage(FLAG, coverage=0.9, actor=MO)
        second, hint = event_in(answer), event_in(answer)
        took = time.monotonic() - began

        assert json.loads(second["data"])["features"][FLAG]["rules"][0]["coverage"] == 0.9
        assert json.loads(hint["data"]) == {"type": "refetchEvaluation", "etag": second["id"]}
        assert "event" not in hint
        assert took <= SECONDS
    log.info("from the change to the client: %.2f s", took)


def test_who_comes_back_with_an_old_version_is_told_to_ask_again(live_host: str, key: str) -> None:
    address = f"{live_host}/sub/{key}?since=an-older-one"
    with stream(address) as answer:
        first, hint = event_in(answer), event_in(answer)

    assert json.loads(hint["data"])["etag"] == first["id"]
    with stream(address, {"Last-Event-ID": first["id"]}, seconds=2.0) as answer:
        assert event_in(answer)["event"] == "features"
        with pytest.raises(TimeoutError):
            event_in(answer)


@pytest.mark.parametrize("raw", ["pk_nobody", "sk"])
def test_a_stream_needs_a_publishable_key(live_host: str, key: str, raw: str) -> None:
    if raw == "sk":
        raw = create_key(kind="sk", name="server", scopes=["recommendations:read"])[1]
    with pytest.raises(urllib.error.HTTPError) as refusal, stream(f"{live_host}/sub/{raw}"):
        pass

    assert refusal.value.code == (403 if raw.startswith("sk") else 401)
    assert refusal.value.headers["Content-Type"] == "application/problem+json"
    refusal.value.close()


def test_growthbook_for_python_has_a_change_in_time(live_host: str, key: str) -> None:
    attributes = {"id": "ada", **AGREED}
    sdk = GrowthBook(api_host=live_host, client_key=key, attributes=attributes, streaming=True)
    sdk.load_features()
    time.sleep(1.5)  # the SDK does not tell when its stream is open
    began = time.monotonic()
    ship(FLAG, arm="cold", actor=MO)
    while sdk.eval_feature(FLAG).source != "force" and time.monotonic() - began < 10:
        time.sleep(0.02)
    took, value = time.monotonic() - began, sdk.eval_feature(FLAG).value
    sdk.stop_auto_refresh()
    sdk.destroy()

    assert value == PAYLOADS["cold"]
    assert took <= SECONDS
    log.info("from the change to the client: %.2f s", took)


@pytest.mark.sdk_node
def test_sdks_for_javascript_have_a_change_in_time(live_host: str, key: str, node_folder: Path) -> None:
    environment = {**os.environ, "HOST": live_host, "KEY": key, "FLAG": FLAG}
    command = ["node", "streams.mjs"]
    with subprocess.Popen(command, cwd=node_folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        began = time.time() * 1000
        ship(FLAG, arm="cold", actor=MO)
        reports = dict(process.stdout.readline().rstrip("\n").split(" ", 1) for _ in range(2))
        process.kill()

    growthbook, (openfeature, reason, value) = reports["growthbook"], reports["openfeature"].split(" ", 2)
    assert (reason, json.loads(value)) == ("STATIC", PAYLOADS["cold"])
    took = [float(at) - began for at in (growthbook, openfeature)]
    assert max(took) <= SECONDS * 1000
    log.info("from the change to growthbook and openfeature: %s ms", took)
