"""Bodies of requests as the server hands them over: all have a length, and what nobody wanted is read to its end.

Some HTTP clients send bodies in chunks, and HTTP/2 does in frames: Django reads as many bytes as `Content-Length` says,
and takes a body without one for empty. Who is refused before the body was read is still sending it; where the server
hung up then, the proxy would say that the server is away, and clients would send the same again and again.
"""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, Final

from django.db import connections

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of the largest body that any door takes; one byte more is read, so that the door sees that it is too large."""
_PIECE: Final = 64 * 1024

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def with_length(application: Application) -> Application:
    """Return the WSGI application, told the length of bodies that come in chunks."""

    def told(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        if (chunked or environ.get("SERVER_PROTOCOL") == "HTTP/2") and not environ.get("CONTENT_LENGTH"):
            body = environ["wsgi.input"].read(LARGEST + 1)
            environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return application(environ, start_response)

    return told


class _Counted:
    """A body as WSGI hands it over, and how many of its bytes were read."""

    def __init__(self, stream: Any) -> None:
        self._stream, self.taken = stream, 0

    def read(self, size: int = -1) -> bytes:
        return self._told(self._stream.read(size))

    def readline(self, size: int = -1) -> bytes:
        return self._told(self._stream.readline(size))

    def _told(self, piece: bytes) -> bytes:
        self.taken += len(piece)
        return piece


def read_to_the_end(application: Application) -> Application:
    """Return the WSGI application, which answers when the request was sent, or as much of it as any door takes."""

    def answered(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"] = _Counted(environ["wsgi.input"])
        answer = application(environ, start_response)
        left = min(int(environ.get("CONTENT_LENGTH") or 0) - body.taken, LARGEST)
        if left > 0:
            connections.close_all()  # the thread's: who sends slowly, or stops, would keep it from others
        while left > 0 and (piece := body.read(min(left, _PIECE))):
            left -= len(piece)
        return answer

    return answered
