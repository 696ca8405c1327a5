"""The buffer as a process, between a client and a `web` that is played."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from config.body_buffer import server as servers
from config.body_buffer import uploads as uploads_module
from config.body_buffer import web as webs
from config.body_buffer.server import Server
from config.body_buffer.uploads import Uploads
from config.body_buffer.web import Web
from tests.body_buffer.loops import run_apart

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
POST = b"POST /v1/batch HTTP/1.1\r\nHost: shop\r\n"


class FakeWeb:
    """Notes each whole request, and answers it as it was told."""

    def __init__(self, *answers: bytes) -> None:
        self.answers, self.requests, self.connections = list(answers), list[bytes](), 0
        self.whole_at_ms: list[int] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until there is no answer left; then hang up."""
        self.connections += 1
        while self.answers:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            length = int(head.rpartition(b"Content-Length: ")[2])
            head, stated, rest = head.partition(b"X-Request-Start: ")
            at, _, rest = rest.partition(b"\r\n")
            self.whole_at_ms += [int(at)] if stated else []
            self.requests.append(head + rest + await reader.readexactly(length))
            writer.write(self.answers.pop(0))
        writer.close()


Scene = Callable[[int, FakeWeb], Coroutine[Any, Any, None]]


def run(scene: Scene, *answers: bytes) -> None:
    """Run a scene with the port of a buffer before a `web` that gives these answers."""

    async def inside() -> None:
        fake = FakeWeb(*answers)
        behind = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
        buffer = Server(Web("127.0.0.1", behind.sockets[0].getsockname()[1]), Uploads(max_bytes=10_000_000))
        listening = await buffer.start("127.0.0.1", 0)
        sweep = asyncio.create_task(buffer.sweep())
        try:
            await asyncio.wait_for(scene(listening.sockets[0].getsockname()[1], fake), 20)
        finally:
            sweep.cancel()
            listening.close()
            await buffer.finish()
            behind.close()

    run_apart(inside())


async def answer(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send the parts, and return all that comes back until the other side hangs up or nothing comes for a while."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(pause)
    result = b""
    try:
        async with asyncio.timeout(0.7):
            while chunk := await reader.read(65536):
                result += chunk
    except TimeoutError:
        pass
    writer.close()
    return result


def test_web_sees_nothing_before_the_body_is_whole() -> None:
    async def scene(port: int, web: FakeWeb) -> None:
        began = int(time.time() * 1000)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST + b"Content-Length: 6\r\n\r\nabc")
        await asyncio.sleep(0.2)
        assert web.connections == 0

        writer.write(b"def")
        assert await reader.readexactly(len(OK)) == OK
        assert web.requests == [POST + b"Content-Length: 6\r\n\r\nabcdef"]
        assert began + 200 <= web.whole_at_ms[0] <= time.time() * 1000, "the wait for web begins here"
        writer.close()

    run(scene, OK)


def test_chunks_arrive_as_one_body() -> None:
    async def scene(port: int, web: FakeWeb) -> None:
        body = b"3;x=1\r\nabc\r\n1\r\nd\r\n0\r\nTrailer: x\r\n\r\n"
        assert await answer(port, POST + b"Transfer-Encoding: chunked\r\n\r\n" + body) == OK
        assert web.requests == [POST + b"Content-Length: 4\r\n\r\nabcd"]

    run(scene, OK)


def test_connections_are_used_again() -> None:
    async def scene(port: int, web: FakeWeb) -> None:
        request = POST + b"Content-Length: 1\r\n\r\nx"
        assert await answer(port, request, request, pause=0.2) == OK + OK
        assert await answer(port, request) == OK
        assert (len(web.requests), web.connections) == (3, 1)

    run(scene, OK, OK, OK)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end",
    ],
)
def test_every_kind_of_answer_is_relayed(reply: bytes) -> None:
    async def scene(port: int, web: FakeWeb) -> None:
        assert await answer(port, POST + b"Content-Length: 1\r\n\r\nx") == reply

    run(scene, reply)


@pytest.mark.parametrize("size", [b"ZZ\r\n", b"-1\r\n", b"0x5\r\n", b"\r\n"])
def test_a_bad_chunk_size_is_a_bad_request(size: bytes) -> None:
    async def scene(port: int, web: FakeWeb) -> None:
        got = await answer(port, POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" + size)
        assert got.startswith(b"HTTP/1.1 400 ")
        assert b"application/problem+json" in got
        assert web.connections == 0

    run(scene)


def test_a_chunk_longer_than_its_size_is_a_bad_request() -> None:
    async def scene(port: int, web: FakeWeb) -> None:
        got = await answer(port, POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 400 ")

    run(scene)


def test_a_declared_gigabyte_is_refused_at_once() -> None:
    async def scene(port: int, web: FakeWeb) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST + b"Content-Length: 1000000000\r\n\r\nx")
        assert (await asyncio.wait_for(reader.readline(), 0.5)).startswith(b"HTTP/1.1 413 ")
        assert web.connections == 0
        writer.close()

    run(scene)


def test_too_many_chunks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "MAX_BYTES", 10)

    async def scene(port: int, web: FakeWeb) -> None:
        chunk = b"6\r\nabcdef\r\n"
        got = await answer(port, POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk)
        assert got.startswith(b"HTTP/1.1 413 ")

    run(scene)


def test_a_slow_sender_is_asked_to_send_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads_module, "WINDOW_SECONDS", 0.3)
    monkeypatch.setattr(servers, "SWEEP_SECONDS", 0.1)

    async def scene(port: int, web: FakeWeb) -> None:
        got = await answer(port, POST + b"Content-Length: 4000000\r\n\r\n", *[b"x"] * 8, pause=0.1)
        assert got.startswith(b"HTTP/1.1 408 ")
        assert web.connections == 0

    run(scene)


def test_web_that_cannot_be_reached_is_our_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webs, "CONNECT_SECONDS", 0.2)

    async def scene() -> None:
        buffer = Server(Web("127.0.0.1", 1), Uploads(max_bytes=1000))
        listening = await buffer.start("127.0.0.1", 0)
        got = await answer(listening.sockets[0].getsockname()[1], POST + b"Content-Length: 1\r\n\r\nx", pause=0.5)
        assert got.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 2" in got
        listening.close()
        await buffer.finish()

    run_apart(scene())


@pytest.mark.parametrize(
    ("reply", "got"),
    [(b"", b"HTTP/1.1 503 "), (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", b"HTTP/1.1 200 ")],
)
def test_web_that_dies_before_its_answer_is_our_trouble(reply: bytes, got: bytes) -> None:
    async def scene(port: int, web: FakeWeb) -> None:
        assert (await answer(port, POST + b"Content-Length: 1\r\n\r\nx")).startswith(got)

    run(scene, reply)


def test_who_waits_for_permission_gets_it() -> None:
    async def scene(port: int, web: FakeWeb) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST + b"Content-Length: 1\r\nExpect: 100-continue\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"x")
        assert await reader.readexactly(len(OK)) == OK
        writer.close()

    run(scene, OK)
