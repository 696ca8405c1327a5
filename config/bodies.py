"""Bodies without a length, as some HTTP clients send them in chunks and HTTP/2 in frames: Django reads as many bytes as
`Content-Length` tells, and takes a body without one for empty.
"""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, Final

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of the largest body that any door takes; one byte more is read, so that the door sees that it is too large."""

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
