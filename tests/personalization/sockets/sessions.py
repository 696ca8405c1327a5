"""Sockets of the tests: opened inside this process, each test in an event loop of its own."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from asgiref.testing import ApplicationCommunicator

from config.sockets import sockets

T = TypeVar("T")
SECONDS = 20.0
QUIET_SECONDS = 1.0
"""Longer than the least time between two answers."""


def in_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run it in a thread: a browser of another test keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()


class Session:
    """One open socket, as its client sees it."""

    def __init__(self, placement: str = "home", *, path: str = "", app: Any = sockets, **headers: str) -> None:
        path = path or f"/ws/recommendations/{placement}"
        raw_headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "websocket", "path": path, "headers": raw_headers, "client": ("203.0.113.5", 50_000)}
        self._wire: Any = ApplicationCommunicator(app, scope)  # type: ignore[no-untyped-call]

    async def open(self, message: Any) -> "Session":
        """Connect and send the first message."""
        await self.connect()
        await self.say(message if isinstance(message, str) else json.dumps(message))
        return self

    async def connect(self) -> None:
        """Connect."""
        await self.say(None, type="websocket.connect")
        assert (await self._wire.receive_output(timeout=SECONDS))["type"] == "websocket.accept"

    async def say(self, text: str | None, *, type: str = "websocket.receive") -> None:
        """Send a message."""
        await self._wire.send_input({"type": type, "text": text})

    async def next(self) -> dict[str, Any]:
        """Return the next message."""
        body: dict[str, Any] = json.loads((await self._wire.receive_output(timeout=SECONDS))["text"])
        return body

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first message for which the condition holds."""
        while not condition(body := await self.next()):
            pass
        return body

    async def refusal(self) -> tuple[dict[str, Any], int]:
        """Return the problem and the close code."""
        body, end = await self.next(), await self._wire.receive_output(timeout=SECONDS)
        assert end["type"] == "websocket.close"
        return body, end["code"]

    async def is_quiet(self) -> bool:
        """Return whether nothing comes for a while."""
        return bool(await self._wire.receive_nothing(timeout=QUIET_SECONDS))

    async def close_code(self) -> int:
        """Return the code with which the server closes."""
        end = await self._wire.receive_output(timeout=SECONDS)
        assert end["type"] == "websocket.close"
        return int(end.get("code", 1000))

    async def leave(self) -> None:
        """Close it from the client's side."""
        await self._wire.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._wire.wait(timeout=SECONDS)


def slow_reader(seconds: float) -> Callable[..., Awaitable[None]]:
    """Return the application for a client that takes so long to read each answer after the first."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        sent = 0

        async def slow_send(message: dict[str, Any]) -> None:
            nonlocal sent
            sent += message["type"] == "websocket.send"
            if message["type"] == "websocket.send" and sent > 1:
                await asyncio.sleep(seconds)
            await send(message)

        await sockets(scope, receive, slow_send)

    return app
