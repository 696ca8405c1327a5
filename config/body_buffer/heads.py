"""Heads of HTTP/1.1 messages: how long the body is, and whether the connection goes on. Pure."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

END: Final = b"\r\n\r\n"
_FRAMING: Final = re.compile(rb"(?im)^(content-length|transfer-encoding|expect|connection)[ \t]*:[ \t]*([^\r\n]*)\r\n")
_BODILESS: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class MalformedError(ValueError):
    """The bytes are no HTTP/1.1 message, or their length has two meanings."""


@dataclass(frozen=True, slots=True)
class Framing:
    """What a head says about the end of its message.

    `length` counts the body's bytes; it is None for a body in chunks, or without a stated length.
    """

    length: int | None
    chunked: bool
    closes: bool
    expects_continue: bool


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The head of a request. `fields` are its lines without those of the framing."""

    method: bytes
    path: bytes
    start: bytes
    fields: bytes
    framing: Framing

    def with_length(self, length: int, *, whole_at_ms: int) -> bytes:
        """Return the head for a body of `length` bytes that was whole at this time: `web` refuses what waited long."""
        end = b"X-Request-Start: %d\r\nContent-Length: %d\r\n\r\n" % (whole_at_ms, length)
        return b"%b\r\n%b%b" % (self.start, self.fields, end)


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The head of a response."""

    status: int
    framing: Framing

    def bodiless(self, method: bytes) -> bool:
        """Return whether no body follows, whatever the head says about its length."""
        return method == b"HEAD" or self.status in _BODILESS or self.interim

    @property
    def interim(self) -> bool:
        """Whether another head follows, as after 100 Continue."""
        return 100 <= self.status < 200


def parse_request(head: bytes) -> RequestHead:
    """Return the head of a request, given up to and with its blank line. Raises MalformedError."""
    start, _, rest = head.partition(b"\r\n")
    match start.split(b" "):
        case [method, target, b"HTTP/1.1" | b"HTTP/1.0" as version]:
            fields = rest.removesuffix(b"\r\n")
            framing = _framing(fields, closes=version == b"HTTP/1.0")
            if framing.length is None and not framing.chunked:  # of a request: there is no body
                framing = Framing(0, False, framing.closes, framing.expects_continue)
            return RequestHead(method, target.partition(b"?")[0], start, _FRAMING.sub(b"", fields), framing)
    raise MalformedError("the first line is none of an HTTP/1.1 request")


def parse_response(head: bytes) -> ResponseHead:
    """Return the head of a response, given up to and with its blank line. Raises MalformedError."""
    start, _, rest = head.partition(b"\r\n")
    version, _, after = start.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not after[:3].isdigit():
        raise MalformedError("the first line is none of an HTTP/1.1 response")
    return ResponseHead(int(after[:3]), _framing(rest.removesuffix(b"\r\n"), closes=version == b"HTTP/1.0"))


def _framing(fields: bytes, *, closes: bool) -> Framing:
    values: dict[bytes, set[bytes]] = {}
    for name, value in _FRAMING.findall(fields):
        values.setdefault(name.lower(), set()).add(value.strip().lower())
    lengths, encodings = values.get(b"content-length", set()), values.get(b"transfer-encoding", set())
    # Two readers of one message must not disagree about its end (RFC 9112, 6.3).
    if len(lengths) + len(encodings) > 1 or encodings - {b"chunked"} or not all(map(bytes.isdigit, lengths)):
        raise MalformedError("the length of the body is ambiguous")
    length = int(lengths.pop()) if lengths else None
    closes = closes or b"close" in values.get(b"connection", ())
    return Framing(length, bool(encodings), closes, b"100-continue" in values.get(b"expect", ()))
