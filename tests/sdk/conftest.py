"""The real server in a process of its own, for real SDKs to talk to."""

import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings

from embedded import ports, procfile
from tests.services import environment
from tests.shop_fixtures import stocked_shop

if TYPE_CHECKING:  # Django is set up after this file is read
    from events.types.base import Event

__all__ = ["stocked_shop"]
SOURCES = Path(__file__).parent / "node"
START_SECONDS = 60.0
PAUSE_SECONDS = 0.05
RATES = {"KEY_RATE_SECRET": "1000000/minute", "KEY_RATE_PUBLISHABLE": "1000000/minute"}
"""Tests ask for ten thousand shoppers from one address."""
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
            env={**environment(), **RATES},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _await(f"http://127.0.0.1:{port}/healthz", process, output_file)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="session")
def live_host(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the proxy before the product's own processes `web`, `live` and `buffer`, on this database."""
    folder = tmp_path_factory.mktemp("product")
    ports_of = {name: ports.pick() for name in ("PORT", "WEB", "LIVE", "BUFFER")}
    granian = [sys.executable, "-m", "granian", "--host", "127.0.0.1"]
    commands = {
        "web": [*granian, "--port", str(ports_of["WEB"]), "--interface", "wsgi", "--no-ws", "config.wsgi:application"],
        "live": [*granian, "--port", str(ports_of["LIVE"]), "--interface", "asgi", "config.asgi:application"],
        "buffer": procfile.read(settings.BASE_DIR / "Procfile")["buffer"],
        "proxy": procfile.read(settings.BASE_DIR / "Procfile")["proxy"],
    }
    addresses = {name: f"127.0.0.1:{ports_of[name]}" for name in ("WEB", "LIVE", "BUFFER")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**environment(), **RATES, **addresses, "PORT": str(ports_of["PORT"]), "HOST": "127.0.0.1", "PATH": path}
    with ExitStack() as stack:
        for name, command in commands.items():
            output = stack.enter_context((folder / name).open("wb"))
            process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=env, stdout=output, stderr=subprocess.STDOUT)
            stack.callback(process.wait, timeout=20)
            stack.callback(process.terminate)
            if name in ("web", "live"):
                _await(f"http://127.0.0.1:{ports_of[name.upper()]}/healthz", process, folder / name)
        _await(f"http://127.0.0.1:{ports_of['PORT']}/healthz", process, folder / "proxy")
        yield f"http://127.0.0.1:{ports_of['PORT']}"


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


@pytest.fixture(scope="session")
def node_folder() -> Path:
    """A folder with the SDKs of `node/package.json`, installed once and kept between runs."""
    folder = settings.BASE_DIR / "var" / "sdk-node"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = (SOURCES / "package.json").read_text()
    installed = folder / "installed.json"
    for source in SOURCES.iterdir():
        shutil.copy(source, folder / source.name)
    if not installed.exists() or installed.read_text() != wanted:
        command = ["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
        if done.returncode:
            pytest.skip(f"not found: the npm packages of the SDKs ({done.stderr.strip()[-200:]})")
        installed.write_text(wanted)
    return folder


@pytest.fixture(scope="session")
def pages_address(node_folder: Path) -> Iterator[str]:
    """The address of a shop's pages, on another origin than the server's."""
    script = node_folder / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd" / "index.js"
    shutil.copy(script, node_folder / "analytics-next.js")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    pages = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(node_folder)))
    thread = threading.Thread(target=pages.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{pages.server_port}/"
    pages.shutdown()
    thread.join()
    pages.server_close()
