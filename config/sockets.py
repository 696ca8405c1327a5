"""WebSockets: there are none yet."""

from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]


async def no_socket(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Close every socket without an error of ours."""
    await receive()
    await send({"type": "websocket.close"})
