"""Request bodies of the server: every body gets a length, and unwanted ones are read to their end.

Some HTTP clients send bodies in chunks, and HTTP/2 in frames, but Django reads only `Content-Length` bytes. A client
that is refused early is still sending: if the server hung up, the proxy would report it as down, and the client would
send the same again.
"""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, Final

from django.db import connections

MAX_BYTES: Final = 16 * 1024 * 1024
"""Size of the largest accepted body. One byte more is read, so that the view notices a larger one."""
_BODILESS: Final = ("GET", "HEAD", "OPTIONS")
_CHUNK: Final = 64 * 1024

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def with_length(application: Application) -> Application:
    """Return the WSGI application with a `Content-Length` for chunked bodies."""

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        unstated = (chunked or environ.get("SERVER_PROTOCOL") == "HTTP/2") and not environ.get("CONTENT_LENGTH")
        # A question's body is read by nobody, and would keep a worker waiting: these go past the buffer.
        if unstated and environ["REQUEST_METHOD"] not in _BODILESS:
            body = environ["wsgi.input"].read(MAX_BYTES + 1)
            environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return application(environ, start_response)

    return wrapped


class _CountedStream:
    """A WSGI body that counts the bytes read."""

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
    """Return the WSGI application; it answers after the request was read, up to the largest accepted size."""

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"] = _CountedStream(environ["wsgi.input"])
        response = application(environ, start_response)
        unread = min(int(environ.get("CONTENT_LENGTH") or 0) - body.bytes_read, MAX_BYTES)
        if unread > 0:
            connections.close_all()  # the thread's: a slow sender would keep it from others
        while unread > 0 and (chunk := body.read(min(unread, _CHUNK))):
            unread -= len(chunk)
        return response

    return wrapped
