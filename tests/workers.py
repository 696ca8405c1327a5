"""The Procfile's web process with several workers, and a connection into each: who follows, and when."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil

from embedded import ports, procfile

ROOT = Path(__file__).resolve().parent.parent
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

    def follow(self, condition: Told, *, within: float = LIMIT) -> float:
        """Return after how many seconds the last worker told so; fail where one has not in time."""
        began, silent = time.monotonic(), set(self.connections)
        while silent:
            silent -= {pid for pid, answer in self.answers() if condition(answer)}
            took = time.monotonic() - began
            assert not silent or took < within, (
                f"after {took:.1f} s {len(silent)} of {WORKERS} workers had not followed"
            )
        assert all(condition(answer) for _, answer in self.answers())
        return took


@contextlib.contextmanager
def serving(environment: Mapping[str, str], *, log: Path | None = None) -> Iterator[Workers]:
    """Yield the workers of a web process of its own, on the stores and models that the environment names.

    The key that they are asked with is made in the database that this process knows. What they say goes to `log`, else
    where this process's words go.
    """
    from access.services import create_key

    port = ports.pick()
    own = {
        **environment,
        "GRANIAN_HOST": ports.LOOPBACK,
        "GRANIAN_PORT": str(port),
        "GRANIAN_WORKERS": str(WORKERS),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    command, result = procfile.read(ROOT / "Procfile")["web"], dict[int, HTTPConnection]()
    with contextlib.nullcontext() if log is None else log.open("ab") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=own, stdout=output, stderr=output)
    try:
        reach(server, port, result)
        yield Workers(result, create_key(kind="sk", name="server", scopes=["recommendations:read"])[1])
    finally:
        for connection in result.values():
            connection.close()
        server.terminate()
        try:
            server.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for process in [*psutil.Process(server.pid).children(recursive=True), server]:
                process.kill()
            server.wait()
            raise


def reach(server: "subprocess.Popen[bytes]", port: int, result: dict[int, HTTPConnection]) -> None:
    """Open a connection into each worker: the kernel says which process holds the other end.

    Workers start one after the other, and until then the first takes every connection.
    """
    deadline = time.monotonic() + START_SECONDS
    while len(result) < WORKERS:
        assert server.poll() is None, "the server ended"
        assert time.monotonic() < deadline, f"only {len(result)} workers answered"
        connection = opened(port)
        if connection is not None and result.setdefault(holder(server.pid, connection), connection) is not connection:
            connection.close()
        if len(result) < WORKERS:
            time.sleep(PAUSE)


def opened(port: int) -> HTTPConnection | None:
    """Return a connection over which the server has answered, None while it does not."""
    connection = HTTPConnection(ports.LOOPBACK, port, timeout=START_SECONDS)
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
    """Return what tells whether an answer is of the version."""
    return lambda answer: answer["model_version"] == version
