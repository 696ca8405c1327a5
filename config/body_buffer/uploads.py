"""The bodies that are arriving: how much memory they may take, and which are cut off.

* A body is slow if fewer than `WINDOW_BYTES` of it came within `WINDOW_SECONDS`. So a sender that stops is cut off
  within two windows. Addresses do not count: a shop's servers share one.
* Above the memory limit large bodies wait. The slowest of them, by their average rate, are cut off to make room. So
  senders that stall lose their place to those that send, and small bodies notice nothing.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

WINDOW_SECONDS: Final = 14.0
WINDOW_BYTES: Final = 32 * 1024
SMALL: Final = 64 * 1024
"""Bodies up to this size never wait for memory."""
PART: Final = 16 * 1024
GRACE_SECONDS: Final = 2.0
"""A body is not cut off for its memory before. Otherwise a flood would pass at the speed of the network."""
ROOM: Final = 0.1
"""Share of the memory limit that is freed at once when it is reached."""


@dataclass(eq=False, slots=True)
class Upload:
    """One body that is arriving. `timeout` guards its reads; times are in seconds of the clock."""

    timeout: asyncio.Timeout
    began: float
    window_ends: float
    window_began_with: int = 0
    parts: list[bytearray] = field(default_factory=list)
    size: int = 0
    complete: bool = False

    def append(self, chunk: bytes) -> None:
        """Append to the body. Small chunks share a part: each would cost more than it holds."""
        if self.parts and len(self.parts[-1]) < PART:
            self.parts[-1] += chunk
        else:
            self.parts.append(bytearray(chunk))
        self.size += len(chunk)

    def rate(self, now: float) -> float:
        """Return the bytes a second so far."""
        return self.size / max(now - self.began, 0.001)


class Uploads:
    """All bodies in memory, at most `max_bytes` in total."""

    def __init__(self, *, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_bytes, self.clock = max_bytes, clock
        self.bytes = self.slow = self.displaced = self.waiting = 0
        self._open: set[Upload] = set()
        self._room = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    def open(self, timeout: asyncio.Timeout) -> Upload:
        """Return a new upload."""
        now = self.clock()
        upload = Upload(timeout, now, now + WINDOW_SECONDS)
        self._open.add(upload)
        return upload

    async def add(self, upload: Upload, chunk: bytes) -> None:
        """Append to the body. A large one then waits as long as there is no room for more."""
        if upload not in self._open:  # cut off a moment ago
            return
        upload.append(chunk)
        self.bytes += len(chunk)
        while self.bytes > self.max_bytes and upload.size > SMALL:
            self.waiting += 1
            try:
                await self._room.wait()
            finally:
                self.waiting -= 1

    def close(self, upload: Upload) -> None:
        """Forget the upload and free its memory. May be called twice."""
        if upload in self._open:
            self._open.remove(upload)
            self.bytes -= upload.size
            upload.parts = []

    def sweep(self) -> None:
        """Cut off slow bodies, make room if bodies wait for it, and let them try again."""
        now = self.clock()
        arriving = [one for one in self._open if not one.complete]
        self._cut_slow([one for one in arriving if one.window_ends <= now], now)
        if self.waiting and self.bytes > self.max_bytes:
            self._displace([one for one in arriving if one.began + GRACE_SECONDS <= now and one.size > SMALL], now)
        self._room.set()  # wakes those that wait now
        self._room.clear()

    def _cut_slow(self, at_window_end: list[Upload], now: float) -> None:
        for upload in at_window_end:
            if upload.size - upload.window_began_with < WINDOW_BYTES:
                self.slow += 1
                self._cut(upload)
            upload.window_ends, upload.window_began_with = now + WINDOW_SECONDS, upload.size

    def _displace(self, large: list[Upload], now: float) -> None:
        for upload in sorted(large, key=lambda one: one.rate(now)):
            if self.bytes <= (1 - ROOM) * self.max_bytes:
                return
            self.displaced += upload in self._open
            self._cut(upload)

    def _cut(self, upload: Upload) -> None:
        if upload in self._open:
            self.close(upload)
            upload.timeout.reschedule(asyncio.get_running_loop().time())
