"""Nothing of a server goes on serving when its first process was killed, and a new start would not end it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import pytest

from embedded import ports, procfile
from tests.house.tree import ROOT

START_SECONDS, END_SECONDS = 60.0, 20.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["web", "live"])
def test_a_servers_workers_end_when_it_is_killed(name: str) -> None:
    port = ports.pick()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "GRANIAN_PORT": str(port), "GRANIAN_WORKERS": "2", "PATH": path}
    server = subprocess.Popen(procfile.read(ROOT / "Procfile")[name], cwd=ROOT, env=environment)
    try:
        assert within(START_SECONDS, lambda: served(port))
    finally:
        server.kill()
        server.wait()

    assert within(END_SECONDS, lambda: not ports.answers(port))


def served(port: int) -> bool:
    """Return whether a worker answers."""
    connection = HTTPConnection(ports.LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Return whether it comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
