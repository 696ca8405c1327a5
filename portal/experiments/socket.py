"""The socket of a results page: all numbers, then again whenever they changed, while the viewer may see them."""

import asyncio
import contextlib
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest

from common.errors import DomainError, NotFound
from common.threads import in_thread
from portal.experiments.snapshot import latest
from portal.experiments.ticker import group_of, ticker
from portal.permissions import may

SEE: Final = "experiments.view_experiment"
HEARTBEAT_SECONDS: Final = 5.0
"""Between two looks at whether the viewer may still see this, each of which the page hears."""
SLOW_SECONDS: Final = 4.0
"""How long a message may wait for its reader."""
MOST_MESSAGES: Final = 50
"""Messages of a page, which has nothing to say, between two heartbeats."""
NO_SESSION, NO_PERMISSION, NO_EXPERIMENT, TOO_SLOW, TOO_MANY = 4401, 4403, 4404, 4408, 4429
FULL, BROKEN = 1013, 1011
HEARTBEAT: Final = '{"heartbeat":true}'


class Refused(Exception):
    """The viewer may not watch; `code` closes the socket."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class ResultsSocket(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """One open results page."""

    async def connect(self) -> None:
        """Let a viewer in and send all numbers."""
        self.key = str(self.scope["url_route"]["kwargs"]["key"])
        self.n_messages, self.is_watching = 0, False
        self.beating: asyncio.Task[None] | None = None
        await self.accept()
        try:
            if len(ticker()) >= settings.PUSH_MOST_SOCKETS:
                raise Refused(FULL)
            await in_thread(self._check)
            ticker().join(self.key)
            self.is_watching = True
            await self.channel_layer.group_add(group_of(self.key), self.channel_name)
            await self._say(await in_thread(lambda: latest(self.key)))
            self.beating = asyncio.get_running_loop().create_task(self._beat())
        except Refused as refusal:
            await self.close(refusal.code)
        except NotFound:
            await self.close(NO_EXPERIMENT)
        except (DomainError, redis.RedisError, OSError, OperationalError, InterfaceError):
            await self.close(BROKEN)

    async def disconnect(self, code: int) -> None:
        """Count the viewer out."""
        if self.beating is not None:
            self.beating.cancel()
        if self.is_watching:
            self.is_watching = False
            ticker().leave(self.key)
            with contextlib.suppress(redis.RedisError, OSError):
                await self.channel_layer.group_discard(group_of(self.key), self.channel_name)
        raise StopConsumer

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Count messages: a page says nothing."""
        self.n_messages += 1
        if self.n_messages > MOST_MESSAGES:
            await self.close(TOO_MANY)

    async def numbers(self, event: dict[str, Any]) -> None:
        """Pass new numbers on, as the group gets them."""
        await self._say(event["text"])

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            self.n_messages = 0
            try:
                await in_thread(self._check)
            except Refused as refusal:
                await self.close(refusal.code)
                return
            except (OperationalError, InterfaceError, redis.RedisError):
                await self.close(BROKEN)  # who cannot be checked is not shown numbers
                return
            await self._say(HEARTBEAT)

    async def _say(self, text: str) -> None:
        try:
            async with asyncio.timeout(SLOW_SECONDS):
                await self.send(text_data=text)
        except TimeoutError:
            await self.close(TOO_SLOW)

    def _check(self) -> None:
        """Raise Refused unless a page of this server asks, for somebody who is signed in and may see experiments."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.scope.get("headers", ())}
        # A browser sends our cookie with a socket that any page opens: the page must be ours.
        if urlsplit(headers.get("origin", "")).netloc != headers.get("host"):
            raise Refused(NO_PERMISSION)
        user: Any = user_of(headers.get("cookie", ""))
        if not (user.is_active and user.is_staff):
            raise Refused(NO_SESSION)
        if not may(user, SEE):
            raise Refused(NO_PERMISSION)


def user_of(cookies: str) -> Any:
    """Return the user of a session as it is now, in its cookie and in the database; AnonymousUser without one."""
    try:
        session_key = SimpleCookie(cookies)[settings.SESSION_COOKIE_NAME].value
    except (KeyError, CookieError):
        session_key = None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    return get_user(request)
