"""Bodies of requests as the server hands them over: all have a length, and what nobody wanted is read to its end.

Some HTTP clients send bodies in chunks, and HTTP/2 does in frames: Django reads as many bytes as `Content-Length` says,
and takes a body without one for empty. Who is refused before the body was read is still sending it; where the server
hung up then, the proxy would say that the server is away, and clients would send the same again and again.
"""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, Final

from django.db import connections

MAX_BYTES: Final = 16 * 1024 * 1024
"""Bytes of the largest body that any door takes; one byte more is read, so that the door sees that it is too large."""
_CHUNK: Final = 64 * 1024

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def with_length(application: Application) -> Application:
    """Return the WSGI application, told the length of bodies that come in chunks."""

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        if (chunked or environ.get("SERVER_PROTOCOL") == "HTTP/2") and not environ.get("CONTENT_LENGTH"):
            body = environ["wsgi.input"].read(MAX_BYTES + 1)
            environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return application(environ, start_response)

    return wrapped


class _CountedStream:
    """A body as WSGI hands it over, and how many of its bytes were read."""

    def __init__(self, stream: Any) -> None:
        self._stream, self.bytes_read = stream, 0

    def read(self, size: int = -1) -> bytes:
        return self._count(self._stream.read(size))

    def readline(self, size: int = -1) -> bytes:
        return self._count(self._stream.readline(size))

    def _count(self, chunk: bytes) -> bytes:
        self.bytes_read += len(chunk)
        return chunk


def read_to_the_end(application: Application) -> Application:
    """Return the WSGI application, which answers when the request was sent, or as much of it as any door takes."""

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"] = _CountedStream(environ["wsgi.input"])
        response = application(environ, start_response)
        unread = min(int(environ.get("CONTENT_LENGTH") or 0) - body.bytes_read, MAX_BYTES)
        if unread > 0:
            connections.close_all()  # the thread's: who sends slowly, or stops, would keep it from others
        while unread > 0 and (chunk := body.read(min(unread, _CHUNK))):
            unread -= len(chunk)
        return response

    return wrapped
