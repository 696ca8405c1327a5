"""The real server in a process of its own, for real SDKs to talk to."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from embedded import ports
from tests.services import environment
from tests.shop_fixtures import stocked_shop

if TYPE_CHECKING:  # Django is set up after this file is read
    from events.types.base import Event

__all__ = ["stocked_shop"]
START_SECONDS = 60.0
PAUSE_SECONDS = 0.05
CONSENT = {"consent": {"categoryPreferences": {"analytics": True, "personalization": True}}}


@dataclass(frozen=True)
class Shop:
    """A running server, and a key for it."""

    host: str
    key: str


@pytest.fixture(scope="session")
def host(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running server: granian with the product's own WSGI application, on this session's database."""
    port, output_file = ports.pick(), tmp_path_factory.mktemp("server") / "output"
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"]
    with output_file.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port), "config.wsgi:application"],
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _await(f"http://127.0.0.1:{port}/healthz", process, output_file)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


def _await(url: str, process: "subprocess.Popen[bytes]", output: Path) -> None:
    """Ask until the server answers; fail with its output where it ends or stays silent."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(PAUSE_SECONDS)
    raise AssertionError(f"the server did not answer:\n{output.read_text()}")


@pytest.fixture
def shop(host: str, transactional_db: None) -> Shop:
    """The server with a publishable key whose user ids are believed."""
    from access.services import create_key

    return Shop(host, create_key(kind="pk", name="sdk", requires_user_hash=False)[1])


@pytest.fixture
def logged() -> Callable[[], dict[str, "Event"]]:
    """A reader of the log: events by name, or by kind where they have no name."""

    def read() -> dict[str, Any]:
        from events.log import get_log
        from events.types.base import Event

        log = get_log()
        entries = [entry for shard in range(log.shards) for _, entry in log.read(shard)]
        events = [Event.decode(entry.body) for entry in entries if entry.kind == "event"]
        return {event.name or event.kind: event for event in events}

    return read
