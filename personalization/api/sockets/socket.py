"""One socket of recommendations, from its opening to its close."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
from rest_framework.exceptions import APIException

from common.errors import DomainError, Throttled, Unavailable
from common.problems import domain_error, problem_of
from consents.subjects import raw_ids
from personalization.api.answers import answer_body, answer_digest
from personalization.api.sockets.feed import feed
from personalization.api.sockets.opening import Opening, read_opening, request_of
from personalization.api.sockets.threads import in_thread
from personalization.services.recommend import note_exposure, recommend_anew
from personalization.serving.answers import Answer
from personalization.serving.gauges import PUSHES, SOCKETS

OPENING_SECONDS: Final = 10.0
"""How long a client may take to send the first message."""
CALM_SECONDS: Final = 0.3
"""The least time between two answers; changes within it are answered once."""
UNCHANGED_SECONDS: Final = 0.02
"""The least time after an answer that was not sent: a decision on consent often comes just before its event."""
RETRY_SECONDS: Final = 1.0
"""How much later an answer is tried again for which Redis was away; a page keeps the answer it has."""
HEARTBEAT_SECONDS: Final = 25.0
SLOW_SECONDS: Final = 4.0
"""How long a message may wait for its reader. Less than the five seconds in which a withdrawal takes effect."""
REST_SECONDS: Final = {"sent": CALM_SECONDS, "store_down": RETRY_SECONDS}
"""The least time until the next answer, by what became of this one."""
MOST_MESSAGES: Final = 50
"""Messages of a client between two heartbeats. They are not read: they only keep proxies from closing the socket."""
CLOSE: Final = 4000
"""Added to a problem's status, it is the close code."""
CLOSE_FULL: Final = 1013
"""Try again later: this process has as many sockets as it may."""
CLOSE_SLOW: Final = CLOSE + 408
HEARTBEAT: Final = '{"heartbeat":true}'
Message = dict[str, Any]


class Disconnected(Exception):
    """The client left, or reads nothing."""


@dataclass(frozen=True, slots=True)
class Push:
    """A computed answer: None if it is the one sent before.

    `raw_ids` are those whose changes may change it; none if they are unknown.
    """

    answer: Answer | None
    text: str
    digest: str
    raw_ids: tuple[str, ...]


class Socket:
    """Sends the answer, then a new one after each change that makes it differ.

    Only one answer is computed or sent at a time. What changes meanwhile is a mark, not a queue, so a slow reader gets
    the latest answer alone.
    """

    def __init__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        self._scope, self._receive, self._raw_send = scope, receive, send
        self._wake = asyncio.Event()
        self._stale = self._disconnected = False
        self._consent_changes = self._messages = 0
        self._digest = ""
        self._calm_until = self._beat_at = 0.0

    async def run(self) -> None:
        """Serve the socket until one side closes it."""
        if (await self._receive())["type"] != "websocket.connect":
            return
        await self._raw_send({"type": "websocket.accept"})
        try:
            if not feed.join(self):
                error = Unavailable("This server has as many sockets as it may.", retry_after=10)
                await self._refuse(error, code=CLOSE_FULL)
                return
            SOCKETS.labels(state="open").inc()
            try:
                await self._serve()
            finally:
                feed.leave(self)
                SOCKETS.labels(state="open").dec()
        except Disconnected:
            return

    def subject_changed(self, *, consent: bool) -> None:
        """Answer anew soon. An answer that is being computed was made before a change of consent: it is not sent."""
        self._consent_changes += consent
        self.shop_changed()

    def shop_changed(self) -> None:
        """Answer anew soon."""
        self._stale = True
        self._wake.set()

    async def _serve(self) -> None:
        try:
            opening = await self._open()
            with self._reading():
                await self._follow(opening)
        except Disconnected:
            raise
        except Exception as error:
            problem = error if isinstance(error, APIException) else domain_error(error)
            if problem is None:
                raise
            status = problem.status if isinstance(problem, DomainError) else problem.status_code
            await self._refuse(problem, code=CLOSE + status)

    async def _open(self) -> Opening:
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                message = await self._receive()
        except TimeoutError:
            await self._close(CLOSE_SLOW)
            raise Disconnected from None
        if message["type"] != "websocket.receive":
            raise Disconnected
        content = message.get("text") or message.get("bytes") or ""
        request, placement = request_of(self._scope), self._scope["url_route"]["kwargs"]["placement"]
        return await in_thread(lambda: read_opening(request, placement, content))

    async def _follow(self, opening: Opening) -> None:
        loop, who = asyncio.get_running_loop(), opening.ask.who
        if opening.ask.personalized:
            feed.watch(self, raw_ids(who.user_id, who.anonymous_id))
        self._stale = True
        self._beat_at = loop.time() + HEARTBEAT_SECONDS
        while not self._disconnected:
            now = loop.time()
            if self._stale and now >= self._calm_until:
                await self._answer(opening)
            elif now >= self._beat_at:
                await self._beat(opening)
            else:
                await self._sleep((min(self._beat_at, self._calm_until) if self._stale else self._beat_at) - now)

    async def _answer(self, opening: Opening) -> None:
        self._stale, consent_changes = False, self._consent_changes
        push = await in_thread(lambda: _compute(opening, self._digest))
        if push.raw_ids and feed.watch(self, push.raw_ids):
            self._stale = True  # a new id may have changed after it was read and before it was watched
        outcome = self._outcome(push, consent_changed=consent_changes != self._consent_changes)
        self._calm_until = asyncio.get_running_loop().time() + REST_SECONDS.get(outcome, UNCHANGED_SECONDS)
        if outcome == "sent" and push.answer is not None:
            await self._send_text(push.text)
            self._digest = push.digest
            note_exposure(push.answer, opening.ask)
        PUSHES.labels(outcome=outcome).inc()

    def _outcome(self, push: Push, *, consent_changed: bool) -> str:
        if push.answer is None:
            return "unchanged"
        if consent_changed:
            self._stale = True
            return "withheld"
        if push.answer.degraded == "store_down":  # nobody will tell when the store is back
            self._stale = True
            return "store_down" if self._digest else "sent"
        return "sent"

    async def _beat(self, opening: Opening) -> None:
        """Show that the server lives, see that the client does, and that the key still holds."""
        await in_thread(opening.right.check)
        if self._messages > MOST_MESSAGES:
            raise Throttled("Too many messages.")
        self._messages = 0
        await self._send_text(HEARTBEAT)
        self._beat_at = asyncio.get_running_loop().time() + HEARTBEAT_SECONDS

    async def _sleep(self, seconds: float) -> None:
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0)):
                await self._wake.wait()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        reader = asyncio.get_running_loop().create_task(self._read())
        try:
            yield
        finally:
            reader.cancel()

    async def _read(self) -> None:
        """Wait for the client to leave."""
        while (await self._receive())["type"] != "websocket.disconnect":
            self._messages += 1
            if self._messages > MOST_MESSAGES:
                self._beat_at = 0.0
                self._wake.set()
                return
        self._disconnected = True
        self._wake.set()

    async def _send_text(self, text: str) -> None:
        if self._disconnected:
            raise Disconnected
        try:
            async with asyncio.timeout(SLOW_SECONDS):
                await self._raw_send({"type": "websocket.send", "text": text})
        except TimeoutError:
            PUSHES.labels(outcome="slow").inc()
            await self._close(CLOSE_SLOW)
            raise Disconnected from None

    async def _refuse(self, error: DomainError | APIException, *, code: int) -> None:
        body = problem_of(error)
        if (seconds := getattr(error, "retry_after", None)) is not None:
            body["retry_after"] = seconds
        await self._send_text(orjson.dumps(body).decode())
        await self._close(code)

    async def _close(self, code: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._raw_send({"type": "websocket.close", "code": code})


def _compute(opening: Opening, sent_digest: str) -> Push:
    """Return the answer of this moment. Runs in a thread."""
    opening.right.check()
    options: dict[str, Any] = {"tells_removed": opening.tells_removed, "fields": opening.fields}
    digest = ""

    def is_sent(answer: Answer) -> bool:
        nonlocal digest
        digest = answer_digest(answer, **options)
        return digest == sent_digest

    count = None if sent_digest else opening.count
    answer, watched_ids = recommend_anew(opening.ask, count=count, unless=is_sent)
    text = "" if answer is None else orjson.dumps(answer_body(answer, **options), default=str).decode()
    return Push(answer, text, digest, watched_ids)
