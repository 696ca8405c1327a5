"""Sockets without a route."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from config.sockets import no_socket


def test_who_asks_for_a_socket_is_refused_without_an_error() -> None:
    sent = list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    with ThreadPoolExecutor(1) as thread:  # a browser of another test keeps a loop running in this one
        thread.submit(asyncio.run, no_socket({"type": "websocket"}, receive, send)).result()

    assert sent == [{"type": "websocket.close"}]
