"""Reads the body of a request into memory."""

import asyncio
import re
from typing import Final

from config.body_buffer.heads import Framing, MalformedError
from config.body_buffer.uploads import Upload, Uploads

CHUNK: Final = 256 * 1024
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[^\r\n]*)?\r\n")


class TooLargeError(ValueError):
    """The body holds more bytes than a body of its path may."""


async def read_body(
    reader: asyncio.StreamReader, framing: Framing, upload: Upload, uploads: Uploads, *, limit: int
) -> None:
    """Read the body into the upload.

    Raises TooLargeError, before reading where the length is stated; MalformedError for broken chunks; and
    asyncio.IncompleteReadError where the sender leaves.
    """
    if framing.length is not None:
        if framing.length > limit:
            raise TooLargeError
        await _read(reader, framing.length, upload, uploads)
    else:
        while size := await chunk_size(reader):
            if upload.size + size > limit:
                raise TooLargeError
            await _read(reader, size, upload, uploads)
            await _line_end(reader)
        while await reader.readuntil(b"\r\n") != b"\r\n":  # trailers mean nothing to us
            pass
    upload.complete = True


async def chunk_size(reader: asyncio.StreamReader) -> int:
    """Return the size of the next chunk; 0 ends the body. Raises MalformedError."""
    line = await reader.readuntil(b"\r\n")
    if not (match := _SIZE.fullmatch(line)):
        raise MalformedError("the size of a chunk is no hexadecimal number")
    return int(match[1], 16)


async def _read(reader: asyncio.StreamReader, size: int, upload: Upload, uploads: Uploads) -> None:
    while size:
        chunk = await reader.read(min(size, CHUNK))
        if not chunk:
            raise asyncio.IncompleteReadError(b"", size)
        await uploads.add(upload, chunk)
        size -= len(chunk)


async def _line_end(reader: asyncio.StreamReader) -> None:
    if await reader.readexactly(2) != b"\r\n":
        raise MalformedError("a chunk is longer than its size says")
