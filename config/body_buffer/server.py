"""Accepts requests from the proxy, one after the other on each connection."""

import asyncio
import json
import logging
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from config.body_buffer import heads
from config.body_buffer.reading import TooLargeError, read_body
from config.body_buffer.uploads import Uploads
from config.body_buffer.web import HEAD_BYTES, AnswerLostError, Web

MACHINE_PATHS: Final = (b"/v1/", b"/api/", b"/mp/")
MAX_BYTES, MAX_PAGE_BYTES = 16 * 1024 * 1024, 100 * 1000 * 1000
"""Limits of bodies on paths of machines and on pages. The views know stricter ones, with better words."""
BACKLOG: Final = 4096
RECEIVE_BYTES: Final = 64 * 1024
SWEEP_SECONDS: Final = 0.5
LINGER_SECONDS: Final = 2.0
FINISH_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 2
_DISCARDED: Final = 256 * 1024
_CONNECTION_ERRORS: Final = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)

log = logging.getLogger("body_buffer")


class RefusedError(Exception):
    """A request that is not passed on."""

    def __init__(self, status: HTTPStatus, title: str, detail: str) -> None:
        self.status, self.title, self.detail = status, title, detail


class Server:
    """The buffer before one `web`."""

    def __init__(self, web: Web, uploads: Uploads) -> None:
        self.web, self.uploads = web, uploads
        self._connections: set[asyncio.Task[None]] = set()
        self._waiting_for_web = 0

    async def start(self, host: str, port: int) -> asyncio.Server:
        """Listen; return the server."""
        return await asyncio.start_server(self.serve, host, port, limit=HEAD_BYTES, backlog=BACKLOG)

    async def sweep(self) -> None:
        """Cut slow senders off for ever, and log how many."""
        before = (0, 0)
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.uploads.sweep()
            now = (self.uploads.slow, self.uploads.displaced)
            if now != before:
                slow, displaced = now[0] - before[0], now[1] - before[1]
                log.warning(
                    "body.cut slow=%d displaced=%d open=%d bytes=%d",
                    slow, displaced, len(self.uploads), self.uploads.bytes,
                )  # fmt: skip
            before = now

    async def finish(self) -> None:
        """Wait for the answers to whole requests, but not for ever; then end all connections."""
        deadline = time.monotonic() + FINISH_SECONDS
        while self._waiting_for_web and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self.web.close()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, in a task."""
        # By default 256 KB are read at once, for each connection and beside what waits in the reader.
        writer.transport.max_size = RECEIVE_BYTES  # type: ignore[attr-defined]
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(*_CONNECTION_ERRORS, asyncio.CancelledError):
                while await self._answer(await _read_head(reader), reader, writer):
                    pass
        finally:
            writer.close()

    async def _answer(self, raw: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether another may follow."""
        try:
            request = _parse(raw)
            if request.framing.expects_continue:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            goes_on = await self._pass_on(request, reader, writer)
        except RefusedError as refused:
            await _refuse(refused, reader, writer)
            return False
        await writer.drain()
        return goes_on and not request.framing.closes

    async def _pass_on(
        self, request: heads.RequestHead, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        upload = None
        try:
            async with asyncio.timeout(None) as timeout:
                upload = self.uploads.open(timeout)
                await read_body(reader, request.framing, upload, self.uploads, limit=_limit(request.path))
            self._waiting_for_web += 1
            try:
                head = request.with_length(upload.size, whole_at_ms=int(time.time() * 1000))
                connection = await self.web.send(head, upload.parts)
                self.uploads.close(upload)
                return await self.web.relay(connection, request.method, writer)
            finally:
                self._waiting_for_web -= 1
        except TimeoutError:
            raise RefusedError(
                HTTPStatus.REQUEST_TIMEOUT, "Too slow", "The body came too slowly; send it again."
            ) from None
        except TooLargeError:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large", "The body is too large.") from None
        except heads.MalformedError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "Invalid input", f"The request is malformed: {error}.") from None
        except AnswerLostError as error:
            if error.begun:
                raise ConnectionAbortedError from error
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "Unavailable", "The server does not answer; try again soon."
            ) from None
        finally:
            if upload is not None:
                self.uploads.close(upload)


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    """Return the head; b"" where it is too large."""
    try:
        return await reader.readuntil(heads.END)
    except asyncio.LimitOverrunError:
        return b""


def _parse(raw: bytes) -> heads.RequestHead:
    if not raw:
        raise RefusedError(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "Too large", f"The head holds more than {HEAD_BYTES} bytes."
        )
    try:
        return heads.parse_request(raw)
    except heads.MalformedError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "Invalid input", f"The request is malformed: {error}.") from None


def _limit(path: bytes) -> int:
    return MAX_BYTES if path.startswith(MACHINE_PATHS) else MAX_PAGE_BYTES


async def _refuse(refused: RefusedError, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with a problem document. Then read on for a moment: the proxy, hung up on, would not read the answer."""
    status = refused.status
    body = {"type": "about:blank", "title": refused.title, "status": status.value, "detail": refused.detail}
    # The two members that RudderStack's SDK reads on a failure.
    text = json.dumps(body | {"errors": [], "code": str(status.value), "message": refused.detail}).encode()
    retry = f"Retry-After: {RETRY_SECONDS}\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/problem+json\r\n{retry}"
        f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + text)
    await writer.drain()
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while await reader.read(_DISCARDED):
                pass
