"""Responses of the web server: each is closed on every path, whether its client still waits or has left.

granian drops the body of a client that left without `close()`, and keeps a reference to it. Django would never finish
that request, nor give back what it holds. A small body is therefore handed over whole, after its response was closed.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any, Final

from django.http import StreamingHttpResponse

from common.threads import CloseOnRelease
from config.request_bodies import Application

WHOLE_BYTES: Final = 1024 * 1024
"""The largest body of a file that is handed over whole, so that a slow reader keeps no thread."""
_thread = threading.local()


def closed_always(application: Application) -> Application:
    """Return the WSGI application; it closes each response itself."""

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        _thread.stream = None  # the previous one of this thread: its client left, or it is closed
        response: Any = application(environ, start_response)
        if _is_long(response):
            stream = _Stream(response)
            _thread.stream = CloseOnRelease(stream.close)
            return stream
        with closing(response):
            return [b"".join(response)]

    return wrapped


def _is_long(response: Any) -> bool:
    """Return whether a response is a stream of unknown or large size."""
    if not isinstance(response, StreamingHttpResponse):
        return False
    length = response.headers.get("Content-Length")
    return length is None or int(length) > WHOLE_BYTES


class _Stream:
    """The parts of a response that closes itself after the last one, or at an error."""

    def __init__(self, response: Any) -> None:
        self._response, self._parts = response, iter(response)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return bytes(next(self._parts))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the response, once."""
        response, self._response = self._response, None
        if response is not None:
            response.close()
