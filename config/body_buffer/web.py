"""Connections to `web`: sends a whole request, and relays the answer as it comes."""

import asyncio
import time
from collections import deque
from typing import Final

from config.body_buffer.heads import END, ResponseHead, parse_response
from config.body_buffer.reading import CHUNK, chunk_size

CONNECT_SECONDS: Final = 5.0
"""A worker is being replaced: it may take this long until it listens."""
RETRY_SECONDS: Final = 0.1
IDLE_SECONDS: Final = 5.0
"""Older connections are not used again, because the server closes them after a while."""
HEAD_BYTES: Final = 32 * 1024
"""The largest head. A connection may hold twice as much that was not read yet."""
_CONNECTION_ERRORS: Final = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError)

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class AnswerLostError(Exception):
    """`web` cannot be reached, or ended before its answer. `begun`: the sender has a part of the answer."""

    def __init__(self, *, begun: bool = False) -> None:
        self.begun = begun


class Web:
    """The server behind, and idle connections to it."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._idle: deque[tuple[float, Connection]] = deque()

    async def send(self, head: bytes, body: list[bytearray]) -> Connection:
        """Send a request, its body in parts; return the connection of its answer. Raises AnswerLostError."""
        connection = self._reusable() or await self._connect()
        try:
            connection[1].write(head)
            for part in body:
                connection[1].write(part)
                await connection[1].drain()
        except ConnectionError:
            pass  # it may have answered before it read everything
        return connection

    async def relay(self, connection: Connection, method: bytes, writer: asyncio.StreamWriter) -> bool:
        """Pass the answer on; return whether the sender may go on with the same connection. Raises AnswerLostError."""
        reader, begun = connection[0], False
        try:
            while True:
                raw = await reader.readuntil(END)
                head = parse_response(raw)
                if not head.interim:
                    break
            writer.write(raw)
            begun = True
            more = await _relay_body(reader, writer, head, method)
        except _CONNECTION_ERRORS as error:
            connection[1].close()
            raise AnswerLostError(begun=begun) from error
        if more and not head.framing.closes:
            self._idle.append((time.monotonic(), connection))
        else:
            connection[1].close()
        return more and not head.framing.closes

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.popleft()[1][1].close()

    def _reusable(self) -> Connection | None:
        while self._idle:
            since, connection = self._idle.popleft()
            if time.monotonic() - since < IDLE_SECONDS and not connection[0].at_eof():
                return connection
            connection[1].close()
        return None

    async def _connect(self) -> Connection:
        deadline = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                return await asyncio.open_connection(self.host, self.port, limit=HEAD_BYTES)
            except OSError as error:
                if time.monotonic() > deadline:
                    raise AnswerLostError from error
                await asyncio.sleep(RETRY_SECONDS)


async def _relay_body(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: ResponseHead, method: bytes
) -> bool:
    """Pass the body on; return whether its end was marked, so that the connection goes on."""
    if head.bodiless(method):
        return True
    if head.framing.length is not None:
        await _copy(reader, writer, head.framing.length)
        return True
    if head.framing.chunked:
        while size := await chunk_size(reader):
            writer.write(b"%x\r\n" % size)
            await _copy(reader, writer, size + 2)
        writer.write(b"0\r\n")
        while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
            writer.write(line)
        writer.write(b"\r\n")
        return True
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()
    return False


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int) -> None:
    while size:
        chunk = await reader.read(min(size, CHUNK))
        if not chunk:
            raise asyncio.IncompleteReadError(b"", size)
        writer.write(chunk)
        await writer.drain()
        size -= len(chunk)
