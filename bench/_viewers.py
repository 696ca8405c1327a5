"""Open results pages of an experiment without the browser: they do what `static/experiments/results.js` does.

Each has a socket with its session's cookie and the page's origin. While that is down, it asks every five seconds.
"""

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import aiohttp
import orjson

POLL_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 12.0
FIRST_SECONDS: Final = 1.0
LAST_SECONDS: Final = POLL_SECONDS
ROW: Final = re.compile(r"<tr><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td>")


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a page shows: the visitors of each arm, and the goal's value of each arm, in percent."""

    visitors: tuple[int, ...]
    percent: tuple[float, ...]

    def equals(self, other: "Numbers") -> bool:
        """Return whether both say the same; percent are rounded on the page."""
        return self.visitors == other.visitors and all(map(_is_near, self.percent, other.percent))


def _is_near(one: float, other: float) -> bool:
    return abs(one - other) < 0.011


@lru_cache(maxsize=8)  # all viewers get the same text
def numbers_of(text: str) -> Numbers:
    """Return the numbers in a message of the socket, or in an answer to a poll."""
    parts = orjson.loads(text)["parts"]
    visitors = tuple(int(count.replace(",", "")) for _, count, _ in ROW.findall(parts["visitors"]))
    goal = (value for title, _, value in ROW.findall(parts["metrics"]) if title.endswith(", goal"))
    return Numbers(visitors, tuple(float(value.removesuffix(" %").replace("–", "nan")) for value in goal))


@dataclass
class Audience:
    """All viewers, and when each had the numbers that are waited for."""

    url: str
    experiment: str
    numbers_path: str
    viewers: list["Viewer"] = field(default_factory=list)
    target: Numbers | None = None
    arrivals: dict["Viewer", float] = field(default_factory=dict)

    def open(self, session: aiohttp.ClientSession, cookies: Sequence[str]) -> None:
        """Open a page for each session."""
        self.viewers = [Viewer(self, session, one) for one in cookies]
        for one in self.viewers:
            one.start()

    async def close(self) -> None:
        """Close all pages."""
        await asyncio.gather(*(one.stop() for one in self.viewers))

    def expect(self, target: Numbers) -> None:
        """Wait for these numbers from now on."""
        self.target, self.arrivals = target, {}

    def note(self, viewer: "Viewer", text: str) -> None:
        """Take note of what a viewer's page shows now."""
        if self.target is not None and viewer not in self.arrivals and numbers_of(text).equals(self.target):
            self.arrivals[viewer] = time.perf_counter()

    async def until_all_have_it(self, *, seconds: float) -> list[float]:
        """Return when each viewer had the numbers. Raises TimeoutError."""
        await self.until(lambda: len(self.arrivals) == len(self.viewers), seconds=seconds, what=str(self.target))
        return list(self.arrivals.values())

    async def until_all_are_live(self, *, seconds: float) -> float:
        """Return the moment at which every socket is open. Raises TimeoutError."""
        await self.until(lambda: all(one.is_live for one in self.viewers), seconds=seconds, what="open sockets")
        return time.perf_counter()

    async def until(self, condition: Any, *, seconds: float, what: str) -> None:
        """Return when the condition holds. Raises TimeoutError."""
        deadline = time.perf_counter() + seconds
        while not condition():
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{len(self.arrivals)} of {len(self.viewers)} viewers: {what}")
            await asyncio.sleep(0.002)


class Viewer:
    """One open page."""

    def __init__(self, audience: Audience, session: aiohttp.ClientSession, cookie: str) -> None:
        self._audience, self._session = audience, session
        self._headers = {"Cookie": f"sessionid={cookie}"}
        self._tasks: list[asyncio.Task[None]] = []
        self.is_live = False

    def start(self) -> None:
        """Open the page."""
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._poll_now_and_then())]

    async def stop(self) -> None:
        """Close the page."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self) -> None:
        wait = FIRST_SECONDS
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                await self._watch()
            if self.is_live:
                self.is_live, wait = False, FIRST_SECONDS
                self._poll_at_once = asyncio.create_task(self._poll())  # so that no number is missed
            await asyncio.sleep(wait * (0.75 + random.random() / 2))
            wait = min(2 * wait, LAST_SECONDS)

    async def _watch(self) -> None:
        """Follow a socket until it closes, or is silent for too long."""
        url = f"{self._audience.url}/ws/experiments/{self._audience.experiment}"
        async with self._session.ws_connect(url, headers=self._headers, origin=self._audience.url) as socket:
            while (message := await socket.receive(timeout=SILENT_SECONDS)).type == aiohttp.WSMsgType.TEXT:
                self.is_live = True
                if not message.data.startswith('{"heartbeat"'):
                    self._audience.note(self, message.data)
            if socket.close_code in range(4400, 4500):
                raise RuntimeError(f"refused with {socket.close_code}")

    async def _poll_now_and_then(self) -> None:
        await asyncio.sleep(POLL_SECONDS * random.random())
        while True:
            await self._poll()
            await asyncio.sleep(POLL_SECONDS)

    async def _poll(self) -> None:
        if self.is_live:
            return
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self._session.get(
                f"{self._audience.url}{self._audience.numbers_path}", headers=self._headers
            ) as answer:
                text = await answer.text()
                if answer.status == 200 and not self.is_live:
                    self._audience.note(self, text)
