"""The event stream of changes: `features` for GrowthBook's SDKs, and a hint to ask again for OpenFeature's.

It runs in the process `live`. One look at the database every half second serves all streams of the process.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase

from access.keys import KeyRecord
from common.errors import DomainError, Unavailable
from common.problems import domain_error, respond
from common.threads import in_thread
from experiments.api.reading import key_in_address, publishable_key
from experiments.selectors.wires import FeaturesDocument, encoded, features_document

LOOK_SECONDS: Final = 0.5
HEARTBEAT_SECONDS: Final = 15.0
HEARTBEAT: Final = b": \n\n"
LAST_EVENT: Final = "HTTP_LAST_EVENT_ID"
log = logging.getLogger(__name__)


class Hub:
    """The open streams of one event loop, and the document that all of them have to be told."""

    def __init__(self) -> None:
        self.n_streams = 0
        self._document: FeaturesDocument | None = None
        self._changed = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    async def enter(self) -> FeaturesDocument:
        """Count a stream in; return the document of this moment. Raises Unavailable where there are too many."""
        if self.n_streams >= settings.PUSH_MOST_SOCKETS:
            raise Unavailable("Too many streams are open.", retry_after=10)
        self.n_streams += 1
        try:
            document = await in_thread(features_document)
        except BaseException:
            self.leave()
            raise
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())
        self._set(document)
        return document

    def leave(self) -> None:
        """Count a stream out. The last one ends the look-out."""
        self.n_streams -= 1
        if not self.n_streams and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def other_than(self, document: FeaturesDocument, *, seconds: float) -> FeaturesDocument | None:
        """Return another document as soon as there is one, or None after so many seconds."""
        if self._document is not None and self._document.version == document.version:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                return None
        return self._document

    def _set(self, document: FeaturesDocument) -> None:
        if self._document is None or self._document.version != document.version:
            self._document = document
            self._changed.set()
            self._changed = asyncio.Event()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                self._set(await in_thread(features_document))
            except (OperationalError, InterfaceError) as error:
                log.warning("stream.unreadable error=%s", error)


_hubs: dict[int, Hub] = {}


def hub() -> Hub:
    """Return the hub of the running event loop."""
    return _hubs.setdefault(id(asyncio.get_running_loop()), Hub())


async def features_stream(request: HttpRequest, key: str) -> HttpResponseBase:
    """Answer with the stream of a publishable key."""
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    try:
        if not isinstance(request, ASGIRequest):
            raise Unavailable("The process `live` serves streams.")
        await in_thread(lambda: key_in_address(request, key))
        document = await hub().enter()
    except Exception as exception:
        if (error := domain_error(exception)) is None:
            raise
        return respond(error)
    since = request.META.get(LAST_EVENT) or request.GET.get("since")
    origin = request.META.get("HTTP_ORIGIN")
    events = _events(document, since=since, check=lambda: publishable_key(key, origin=origin))
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    response["Cache-Control"] = "no-store, no-transform"  # a proxy that compresses would hold events back
    response["Access-Control-Allow-Origin"] = "*"
    response["X-Accel-Buffering"] = "no"
    return response


async def _events(
    document: FeaturesDocument, *, since: str | None, check: Callable[[], KeyRecord]
) -> AsyncIterator[bytes]:
    """Yield the document, then each other one; heartbeats in between, at which the key is checked again.

    `since` is the version that the client knows: if it is another one, OpenFeature's provider is told at once.
    """
    try:
        yield _features(document)
        if since not in (None, document.version):
            yield _hint(document)
        while True:
            other = await hub().other_than(document, seconds=HEARTBEAT_SECONDS)
            if other is None:
                await in_thread(check)
                yield HEARTBEAT
            elif other.version != document.version:
                document = other
                yield _features(document) + _hint(document)
    except DomainError as error:
        log.info("stream.closed reason=%s", error.title)
    finally:
        hub().leave()


def _features(document: FeaturesDocument) -> bytes:
    return _event(document, document.body, name="features")


def _hint(document: FeaturesDocument) -> bytes:
    body: dict[str, Any] = {"type": "refetchEvaluation", "etag": document.version}
    return _event(document, encoded(body))


def _event(document: FeaturesDocument, data: bytes, *, name: str = "message") -> bytes:
    head = f"id: {document.version}\nevent: {name}\n" if name != "message" else f"id: {document.version}\n"
    return head.encode() + b"data: " + data + b"\n\n"
