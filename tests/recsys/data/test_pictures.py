"""Pictures come from public addresses, once, within limits of size and time."""

import os
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from recsys.data import pictures
from recsys.data.pictures import RETRY_SECONDS, UnusablePicture, fetch, fetched_pictures, is_public, picture_bytes

DOT = "R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw=="
REQUESTS: list[str] = []


class PictureHost(BaseHTTPRequestHandler):
    """Answers by the path."""

    def do_GET(self) -> None:
        REQUESTS.append(f"{self.headers['Host'].split(':')[0]} {self.path}")
        if self.path == "/slow":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            for _ in range(100):
                try:
                    self.wfile.write(b"x")
                    self.wfile.flush()
                except OSError:
                    return
                time.sleep(0.05)
            return
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "/dot")
        self.send_header("Content-Type", "text/html" if self.path == "/page" else "image/gif")
        self.end_headers()
        self.wfile.write(b"x" * (pictures.MOST_BYTES + 1) if self.path == "/large" else b"GIF89a")

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


@pytest.fixture
def host() -> Iterator[str]:
    """The address of a host on this machine."""
    REQUESTS.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), PictureHost)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def anywhere(ip: str) -> bool:
    return True


def test_picture_is_fetched(host: str) -> None:
    assert fetch(f"{host}/dot?size=2", allowed=anywhere) == b"GIF89a"
    assert REQUESTS == ["127.0.0.1 /dot?size=2"]


@pytest.mark.parametrize(
    ("path", "words"), [("/moved", "status 302"), ("/page", "text/html"), ("/large", "larger than")]
)
def test_other_answers_are_no_pictures(host: str, path: str, words: str) -> None:
    with pytest.raises(UnusablePicture, match=words):
        fetch(f"{host}{path}", allowed=anywhere)

    assert [f"127.0.0.1 {path}"] == REQUESTS


def test_trickling_host_is_cut_off(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "FETCH_SECONDS", 0.3)
    began = time.monotonic()

    with pytest.raises(UnusablePicture):
        fetch(f"{host}/slow", allowed=anywhere)

    assert time.monotonic() - began < 3


def test_hosts_of_this_machine_are_not_asked(host: str) -> None:
    port = host.rpartition(":")[2]
    for name in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"):
        with pytest.raises(UnusablePicture):
            fetch(f"http://{name}:{port}/dot")

    assert REQUESTS == []


@pytest.mark.parametrize(
    "ip",
    ["10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "fe80::1", "fd00::1",
     "64:ff9b::7f00:1", "2002:7f00:1::"],
)  # fmt: skip
def test_private_addresses_are_not_public(ip: str) -> None:
    assert not is_public(ip)
    assert is_public("93.184.215.14")


def test_host_with_a_private_address_among_others_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: addresses)

    with pytest.raises(UnusablePicture, match="not public"):
        fetch("http://shop.example/dot")


def test_connection_goes_to_the_checked_address(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(host.rpartition(":")[2])
    look_ups: list[str] = []

    def look_up(name: str, *args: Any, **kwargs: Any) -> list[Any]:
        look_ups.append(name)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    assert fetch(f"http://shop.example:{port}/dot", allowed=anywhere) == b"GIF89a"
    assert look_ups[0] == "shop.example"
    assert "shop.example" not in look_ups[1:]
    assert REQUESTS == ["shop.example /dot"]


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "ftp://shop.example/a", "/shop/a.png", "http://", "http://a:b@c/",
     "http://shop.example:99999/", "data:image/gif;base64", "data:;base64,?"],
)  # fmt: skip
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(UnusablePicture):
        picture_bytes(address)


def test_data_address_holds_its_picture() -> None:
    assert picture_bytes(f"data:image/gif;base64,{DOT}")[:6] == b"GIF89a"
    assert picture_bytes("data:image/gif,GIF89a%00") == b"GIF89a\0"


def test_each_address_is_fetched_once_and_forgotten_with_its_product(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is missing")
    raw, reads = BytesIO(), list[str]()
    image.new("RGB", (900, 30), (200, 40, 40)).save(raw, "PNG")

    def read(address: str) -> bytes:
        reads.append(address)
        return b"no picture" if address == "broken" else raw.getvalue()

    addresses = {"P1": "good", "P2": "good", "P3": "broken"}
    for _ in range(2):
        files = fetched_pictures(addresses, folder=tmp_path, read=read)
        assert files.keys() == {"P1", "P2"}

    assert sorted(reads) == ["broken", "good"]
    with image.open(files["P1"]) as small:
        assert small.size == (224, 224)
    for failed in tmp_path.glob("*.none"):
        os.utime(failed, (0, time.time() - RETRY_SECONDS - 1))
    fetched_pictures({"P3": "broken"}, folder=tmp_path, read=read)
    assert sorted(reads) == ["broken", "broken", "good"]
    assert not files["P1"].exists()


def test_after_the_budget_nothing_is_fetched(tmp_path: Path) -> None:
    pytest.importorskip("PIL", reason="Pillow is missing")

    assert fetched_pictures({"P1": f"data:image/gif;base64,{DOT}"}, folder=tmp_path, budget_s=-1) == {}
    assert fetched_pictures({"P1": f"data:image/gif;base64,{DOT}"}, folder=tmp_path).keys() == {"P1"}


def test_picture_that_would_unpack_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("PIL", reason="Pillow is missing")
    monkeypatch.setattr(pictures, "MOST_PIXELS", 0)

    assert fetched_pictures({"P1": f"data:image/gif;base64,{DOT}"}, folder=tmp_path) == {}
    assert "pixels" in next(tmp_path.glob("*.none")).read_text()
