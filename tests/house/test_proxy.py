"""The proxy with its buffer: whom it believes about who asks and how, and which bodies it lets through."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

import pytest

from embedded import ports, procfile
from tests.house.tree import ROOT

FORWARDED = ("X-Forwarded-For", "X-Forwarded-Proto")


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was told of the client."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read the body, and write the same."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self) -> None:
        """Write a line for each header."""
        body = "\n".join(", ".join(self.headers.get_all(name, [])) for name in FORWARDED).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def echo(handler: type[Echo] = Echo) -> Iterator[str]:
    """Run the server; yield its address."""
    with ThreadingHTTPServer((ports.LOOPBACK, 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"{ports.LOOPBACK}:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def proxy(app: str, *, trusted: str | None = None, log: int | IO[bytes] = subprocess.DEVNULL) -> Iterator[int]:
    """Run Caddy and the buffer before the app; yield Caddy's port. Their words go to `log`."""
    port, buffer = ports.pick(), ports.pick()
    settings = {
        **{name: value for name, value in os.environ.items() if name != "TRUSTED_PROXIES"},
        "PORT": str(port),
        "WEB": app,
        "LIVE": app,
        "BUFFER": f"{ports.LOOPBACK}:{buffer}",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        **({} if trusted is None else {"TRUSTED_PROXIES": trusted}),
    }
    commands = procfile.read(ROOT / "Procfile")
    with ExitStack() as stack:
        for name, own in (("proxy", port), ("buffer", buffer)):
            process = stack.enter_context(subprocess.Popen(commands[name], cwd=ROOT, env=settings, stderr=log))
            stack.callback(process.kill)
            deadline = time.monotonic() + 30
            while not ports.answers(own) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
        yield port


def headers_seen(port: int, path: str) -> list[str]:
    """Return what the app hears of a request that a terminator at 203.0.113.9 was sent by 198.51.100.7."""
    connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=10)
    headers = {"X-Forwarded-For": "192.0.2.66, 198.51.100.7, 203.0.113.9", "X-Forwarded-Proto": "https"}
    connection.request("GET", path, headers=headers)
    text = connection.getresponse().read().decode()
    connection.close()
    return text.splitlines()


@pytest.mark.parametrize("path", ["/api/v1/products", "/sub/stream"])
def test_the_app_is_told_the_shopper_behind_a_trusted_terminator(path: str) -> None:
    with echo() as app, proxy(app, trusted="127.0.0.1/32 203.0.113.0/24") as port:
        # What a shopper writes there themselves stands further left, and is not believed.
        assert headers_seen(port, path) == ["198.51.100.7", "https"]


@pytest.mark.parametrize("trusted", ["203.0.113.0/24", None])
def test_of_a_stranger_the_app_is_told_the_address_that_asked(trusted: str | None) -> None:
    with echo() as app, proxy(app, trusted=trusted) as port:
        assert headers_seen(port, "/api/v1/products") == ["127.0.0.1", "http"]


@pytest.mark.parametrize(
    ("path", "declared", "sent", "status"),
    [
        ("/admin/catalog/product/import/", 20_000_000, 20_000_000, 200),
        ("/admin/login/", 100_000_001, 1, 413),
        ("/api/v1/products/bulk", 10_000_000, 10_000_000, 200),
        ("/v1/batch", 20_000_000, 300_000, 413),
        ("/v1/batch", 1_000_000_000, 1, 413),
    ],
)
def test_a_body_that_nobody_means_to_send_reaches_no_app(path: str, declared: int, sent: int, status: int) -> None:
    with echo() as app, proxy(app) as port, closing(http.client.HTTPConnection(ports.LOOPBACK, port, timeout=30)) as it:
        it.putrequest("POST", path)
        it.putheader("Content-Length", str(declared))
        it.endheaders(b"x" * sent)

        assert it.getresponse().status == status


def raw(port: int, request: bytes, *, seconds: float) -> bytes:
    """Send the bytes, then one byte every half second; return all that comes back within so many seconds."""
    result, ends = b"", time.monotonic() + seconds
    with socket.create_connection((ports.LOOPBACK, port), timeout=0.5) as connection:
        connection.sendall(request)
        while time.monotonic() < ends:
            try:
                chunk = connection.recv(65536)
            except TimeoutError:
                connection.send(b"x")
                continue
            except ConnectionError:
                return result
            result += chunk
            if not chunk:
                return result
    raise AssertionError(f"not cut off in {seconds} s: {result!r}")


def test_a_bad_chunk_size_is_a_bad_request() -> None:
    request = b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nZZ\r\n"
    with echo() as app, proxy(app) as port:
        answer = raw(port, request, seconds=5)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"Retry-After" not in head
    assert json.loads(body)["status"] == 400


def test_slow_senders_are_cut_off_while_others_are_served() -> None:
    starts = {b"408": b"Content-Length: 4000000\r\n\r\n", b"400": b"X-Slow: "}
    with echo() as app, proxy(app) as port, ThreadPoolExecutor(40) as pool:
        slow = {
            status: [
                pool.submit(raw, port, b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\n" + start, seconds=30)
                for _ in range(20)
            ]
            for status, start in starts.items()
        }
        time.sleep(1)
        began = time.monotonic()
        assert headers_seen(port, "/healthz") == ["127.0.0.1", "http"]
        assert time.monotonic() - began < 1
        statuses = {status: {one.result()[9:12] for one in senders} for status, senders in slow.items()}

    # An answer may be lost to a byte that was sent after it.
    for status, received in statuses.items():
        assert received - {b""} <= {status}


def test_the_rest_of_a_refused_body_is_no_request() -> None:
    hidden = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    request = b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n" + hidden
    with echo() as app, proxy(app) as port:
        assert raw(port, request, seconds=10).count(b"HTTP/1.1") == 1


def test_without_the_app_a_sender_is_told_to_try_again() -> None:
    with proxy(f"{ports.LOOPBACK}:1") as port:
        connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=30)
        connection.request("POST", "/v1/batch", b"{}")
        answer = connection.getresponse()

        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        connection.close()


class Unfinished(Echo):
    """Ends in the middle of an answer."""

    def do_GET(self) -> None:
        """Promise ten bytes, write two."""
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"ab")
        self.close_connection = True


def test_no_log_names_a_shopper(tmp_path: Path) -> None:
    with (tmp_path / "log").open("ab") as log, echo(Unfinished) as app, proxy(app, log=log) as port:
        connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=30)
        connection.request("GET", "/api/v1/customers/user:ada?user_id=ada", headers={"X-Who": "ada"})
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            connection.getresponse().read()
        connection.close()

    text = (tmp_path / "log").read_text()
    assert "incomplete response" in text
    assert "ada" not in text
