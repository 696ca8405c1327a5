"""WebSockets: their routes. Whatever has none is closed."""

from collections.abc import Awaitable, Callable
from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from personalization.api.sockets.socket import Socket
from portal.experiments.socket import ResultsSocket

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def recommendations(scope: Message, receive: Receive, send: Send) -> None:
    """Send the answer of a placement, then a new one whenever it changed."""
    await Socket(scope, receive, send).run()


async def no_socket(scope: Message, receive: Receive, send: Send) -> None:
    """Close a socket that has no route, without an error of ours."""
    await receive()
    await send({"type": "websocket.close"})


# Django's types know routes to views alone; Channels takes them to applications.
sockets = URLRouter(
    [
        path("ws/recommendations/<str:placement>", recommendations),  # type: ignore[arg-type]
        path("ws/experiments/<slug:key>", ResultsSocket.as_asgi()),
        re_path("", no_socket),  # type: ignore[arg-type]
    ]
)
