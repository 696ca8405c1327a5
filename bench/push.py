"""Open sockets of recommendations: from an event's 200 to the pushed answer, and the memory that a socket takes.

    make bench-push ARGS="--sockets 2000 --events 400 --rate 20"

A fresh installation with its web, live and consumer processes; each socket is another shopper's, with a history. Events
come at a steady rate through `POST /v1/batch`, each of a shopper who had none yet. There is no model: an answer after
an event is by similarity of products. Figures go to `bench/results/push.json`.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import numpy as np
import psutil

from bench._results import write_results
from bench._stage import Stage, answers, stage, until
from bench.serving import catalog, fill, profiles
from embedded import ports

OPENING_AT_ONCE: Final = 50
LONG: Final = aiohttp.ClientTimeout(total=600)
WAIT_SECONDS: Final = 20.0
"""How long a pushed answer is waited for before it counts as missing."""


@dataclass
class Client:
    """The sockets of all shoppers, and when each got its latest answer."""

    url: str
    key: str
    placement: str
    answered_at: dict[int, float] = field(default_factory=dict)
    answers: int = 0
    sockets: list[aiohttp.ClientWebSocketResponse] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def open(self, session: aiohttp.ClientSession, shoppers: range) -> None:
        """Open a socket for each shopper, and return when each has its first answer."""
        gate = asyncio.Semaphore(OPENING_AT_ONCE)

        async def one(shopper: int) -> None:
            async with gate:
                socket = await session.ws_connect(f"{self.url}/ws/recommendations/{self.placement}")
                await socket.send_json({"key": self.key, "user_id": f"u{shopper}"})
                first = await socket.receive_json()
                if "items" not in first:
                    raise RuntimeError(f"refused: {first}")
            self.sockets.append(socket)
            self.tasks.append(asyncio.create_task(self._read(shopper, socket)))

        await asyncio.gather(*map(one, shoppers))

    async def close(self) -> None:
        """Close all."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*(socket.close() for socket in self.sockets))

    async def _read(self, shopper: int, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if "items" in json.loads(message.data):
                self.answers += 1
                self.answered_at[shopper] = time.perf_counter()


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=400, help="of as many shoppers")
    parser.add_argument("--rate", type=float, default=20.0, help="events a second")
    parser.add_argument("--products", type=int, default=2_000)
    parser.add_argument("--placement", default="home")
    options = parser.parse_args()
    if options.events > options.sockets:
        parser.error("each event is of another socket's shopper: --events is at most --sockets")
    with stage() as it:
        os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings", "SERVING_REFRESH": "inline"})
        import django

        django.setup()
        from access.services import create_key

        fill(catalog(options.products))
        profiles(options.products, options.sockets + 1)
        key = create_key(kind="pk", name="bench", requires_user_hash=False)[1]
        live_url = serve(it)
        figures = asyncio.run(measured(it, live_url, key, options))
        print(json.dumps(figures, indent=1))
        write_results("push", figures)
    return 0


def serve(it: Stage) -> str:
    """Start web, live and consumer, without limits of requests; return the address of live."""
    it.environment["KEY_RATE_PUBLISHABLE"] = "100000000/minute"
    it.environment["SERVING_REFRESH"] = "background"
    port = ports.pick()
    granian = str(Path(sys.executable).parent / "granian")
    it.serve()
    it.run("live", granian, "--interface", "asgi", "--port", str(port), "config.asgi:application")
    it.run("consumer", sys.executable, "manage.py", "consume")
    url = f"http://127.0.0.1:{port}"
    until(lambda: answers(f"{url}/healthz"), seconds=60, what="the live server")
    return url


async def measured(it: Stage, live_url: str, key: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures."""
    client, shoppers = Client(live_url, key, options.placement), range(options.sockets)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=LONG) as session:
        warm = Client(live_url, key, options.placement)
        await warm.open(session, range(options.sockets, options.sockets + 1))
        await delay_of(it, session, warm, key, options.sockets, "P00001")  # until the consumer is up
        before, began = memory(it), time.perf_counter()
        await client.open(session, shoppers)
        opened = time.perf_counter() - began
        await asyncio.sleep(3)
        growth = memory(it) - before
        client.answers = 0
        delays = await push(it, session, client, key, options)
        await asyncio.sleep(1)
        await client.close()
        await warm.close()
    arrived = [delay for delay in delays if delay is not None]
    return {
        "sockets": options.sockets,
        "products": options.products,
        "rate_per_s": options.rate,
        "opened_per_s": round(options.sockets / opened, 1),
        "events": len(delays),
        "missing": len(delays) - len(arrived),
        "answers": client.answers,
        "p50_ms": round(1000 * float(np.quantile(arrived, 0.5)), 1) if arrived else None,
        "p99_ms": round(1000 * float(np.quantile(arrived, 0.99)), 1) if arrived else None,
        "live_mb": round((before + growth) / 2**20, 1),
        "kb_per_socket": round(growth / 2**10 / options.sockets, 1),
    }


async def push(
    it: Stage, session: aiohttp.ClientSession, client: Client, key: str, options: argparse.Namespace
) -> list[float | None]:
    """Send the events at their rate; return the seconds from each 200 to the pushed answer, None for one missing."""
    tasks, begin = [], time.perf_counter()
    for number, shopper in enumerate(random.Random(7).sample(range(options.sockets), options.events)):
        await asyncio.sleep(max(0.0, begin + number / options.rate - time.perf_counter()))
        product = f"P{(37 * number) % options.products:05d}"
        tasks.append(asyncio.create_task(delay_of(it, session, client, key, shopper, product)))
    return list(await asyncio.gather(*tasks))


async def delay_of(
    it: Stage, session: aiohttp.ClientSession, client: Client, key: str, shopper: int, product: str
) -> float | None:
    """Send one event; return the seconds from its 200 to the shopper's new answer."""
    yes = {"consent": {"categoryPreferences": {"analytics": True, "personalization": True}}}
    event = {"type": "track", "event": "Product Viewed", "userId": f"u{shopper}", "context": yes}
    body = {"batch": [{**event, "properties": {"product_id": product}}]}
    sent = time.perf_counter()
    async with session.post(f"{it.url}/v1/batch", json=body, headers={"Authorization": f"Bearer {key}"}) as response:
        await response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status}")
    accepted = time.perf_counter()
    while client.answered_at.get(shopper, 0.0) < sent:
        if time.perf_counter() - accepted > WAIT_SECONDS:
            return None
        await asyncio.sleep(0.002)
    return client.answered_at[shopper] - accepted


def memory(it: Stage) -> int:
    """Return the bytes of the live process and its worker that no other process shares."""
    live = psutil.Process(it.programs["live"].pid)
    return sum(process.memory_full_info().uss for process in (live, *live.children(recursive=True)))


if __name__ == "__main__":
    sys.exit(main())
