"""The proxy believes what ends TLS in front of it, and nobody else, about who asks and how."""

import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from embedded import ports
from tests.house.tree import ROOT

FORWARDED = ("X-Forwarded-For", "X-Forwarded-Proto")


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was told of the client."""

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
def echo() -> Iterator[str]:
    """Run the server; yield its address."""
    with HTTPServer((ports.LOOPBACK, 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"{ports.LOOPBACK}:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def proxy(app: str, **environment: str) -> Iterator[int]:
    """Run Caddy before the app; yield its port."""
    port = ports.pick()
    command = [str(Path(sys.executable).parent / "caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
    settings = {**os.environ, "PORT": str(port), "WEB": app, "LIVE": app, **environment}
    with subprocess.Popen(command, cwd=ROOT, env=settings, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 30
            while not ports.answers(port) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            yield port
        finally:
            process.kill()


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
    with echo() as app, proxy(app, TRUSTED_PROXIES="127.0.0.1/32 203.0.113.0/24") as port:
        # What a shopper writes there themselves stands further left, and is not believed.
        assert headers_seen(port, path) == ["198.51.100.7", "https"]


def test_of_a_stranger_the_app_is_told_the_address_that_asked() -> None:
    with echo() as app, proxy(app, TRUSTED_PROXIES="203.0.113.0/24") as port:
        assert headers_seen(port, "/api/v1/products") == ["127.0.0.1", "http"]


@pytest.mark.parametrize(
    ("path", "declared", "sent", "status"),
    [
        ("/admin/catalog/product/import/", 10_000_000, 10_000_000, 200),
        ("/admin/login/", 100_000_000, 300_000, 413),
        ("/api/v1/products/bulk", 10_000_000, 10_000_000, 200),
        ("/v1/batch", 10_000_000, 300_000, 413),
    ],
)
def test_a_body_that_nobody_means_to_send_reaches_no_app(path: str, declared: int, sent: int, status: int) -> None:
    with echo() as app, proxy(app) as port:
        connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=30)
        connection.putrequest("POST", path)
        connection.putheader("Content-Length", str(declared))
        connection.endheaders(b"x" * sent)

        assert connection.getresponse().status == status
        connection.close()
