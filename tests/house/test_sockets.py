"""Sockets: there is none yet."""

from typing import Any

from asgiref.sync import async_to_sync

from config.sockets import no_socket


def test_who_asks_for_a_socket_is_refused_without_an_error() -> None:
    sent = list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async_to_sync(no_socket)({"type": "websocket"}, receive, send)

    assert sent == [{"type": "websocket.close"}]
