"""From the body of a bulk upload to rows: JSON lines, gzipped or not, within the limits. Pure."""

import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any, Final

from catalog import limits
from common.errors import InvalidInput, TooLarge
from common.strictjson import loads

GZIP: Final = b"\x1f\x8b"


def read_lines(stream: IO[bytes]) -> Iterator[Any]:
    """Return the rows in order: an InvalidInput for a line that is no JSON object, None for a blank line.

    Raises TooLarge above the limits of bytes (unpacked) and lines, InvalidInput for broken gzip or an empty body.
    """
    body = _unpack(_capped(stream))
    # Counted before the split: a body of megabytes may be nothing but line ends.
    if body.count(b"\n") + (not body.endswith(b"\n")) > limits.BULK_LINES:
        raise TooLarge(f"More than {limits.BULK_LINES} lines; send them in parts.")
    lines = body.split(b"\n")
    if not any(line.strip() for line in lines):
        raise InvalidInput("The body holds no line.")
    return (_row(line) if line.strip() else None for line in lines)


def _capped(stream: IO[bytes]) -> bytes:
    body = stream.read(limits.BULK_BYTES + 1)
    if len(body) > limits.BULK_BYTES:
        raise TooLarge(f"More than {limits.BULK_BYTES} bytes; send them in parts.")
    return body


def _unpack(body: bytes) -> bytes:
    if not body.startswith(GZIP):
        return body
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(body, limits.BULK_BYTES + 1)
    except zlib.error as error:
        raise InvalidInput(f"The gzip body is broken: {error}") from error
    if len(unpacked) > limits.BULK_BYTES:
        raise TooLarge(f"More than {limits.BULK_BYTES} bytes unpacked; send them in parts.")
    if not unpacker.eof:
        raise InvalidInput("The gzip body is cut off.")
    return unpacked


def _row(line: bytes) -> Mapping[str, Any] | InvalidInput:
    if len(line) > limits.BULK_LINE_BYTES:
        return InvalidInput.of("", f"the line is longer than {limits.BULK_LINE_BYTES} bytes")
    try:
        row = loads(line)
    except ValueError as error:
        return InvalidInput.of("", f"not JSON: {error}")
    return (
        row
        if isinstance(row, dict)
        else InvalidInput.of("", "expected an object: one product a line, without a list around them")
    )
