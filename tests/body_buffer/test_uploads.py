"""Who is cut off: the slow, and where memory is short the slowest of the large."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from config.body_buffer.uploads import GRACE_SECONDS, SMALL, WINDOW_BYTES, WINDOW_SECONDS, Upload, Uploads
from tests.body_buffer.loops import run_apart

LIMIT = 1_000_000


class Clock:
    """A clock that stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


def run(scene: Callable[[Uploads, Clock], Coroutine[Any, Any, None]]) -> None:
    """Run a scene in a loop of its own."""

    async def inside() -> None:
        clock = Clock()
        await scene(Uploads(max_bytes=LIMIT, clock=clock), clock)

    run_apart(inside())


async def sender(uploads: Uploads, size: int, opened: list[Upload]) -> str:
    """Send so many bytes at once, then stall; return how it ended."""
    try:
        async with asyncio.timeout(None) as timeout:
            opened.append(uploads.open(timeout))
            await uploads.add(opened[-1], b"x" * size)
            await asyncio.sleep(3600)
    except TimeoutError:
        return "cut off"
    return "never"


async def later() -> None:
    """Let all tasks run."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_slow_body_is_cut_off_when_its_window_ends() -> None:
    async def scene(uploads: Uploads, clock: Clock) -> None:
        task = asyncio.create_task(sender(uploads, WINDOW_BYTES - 1, []))
        await later()
        clock.now += WINDOW_SECONDS - 0.1
        uploads.sweep()
        await later()
        assert not task.done()

        clock.now += 0.1
        uploads.sweep()

        assert await task == "cut off"
        assert (uploads.slow, uploads.bytes, len(uploads)) == (1, 0, 0)

    run(scene)


def test_a_body_that_stalls_is_cut_off_within_two_windows() -> None:
    async def scene(uploads: Uploads, clock: Clock) -> None:
        task = asyncio.create_task(sender(uploads, WINDOW_BYTES, []))
        for _ in range(2):
            await later()
            assert not task.done()
            clock.now += WINDOW_SECONDS
            uploads.sweep()

        assert await task == "cut off"
        assert 2 * WINDOW_SECONDS < 30

    run(scene)


def test_a_whole_body_is_never_cut_off() -> None:
    async def scene(uploads: Uploads, clock: Clock) -> None:
        opened: list[Upload] = []
        task = asyncio.create_task(sender(uploads, 10, opened))
        await later()
        opened[0].complete = True
        clock.now += 3 * WINDOW_SECONDS
        uploads.sweep()
        await later()

        assert not task.done()
        task.cancel()

    run(scene)


def test_where_memory_is_short_the_slowest_large_body_makes_room() -> None:
    async def scene(uploads: Uploads, clock: Clock) -> None:
        stalled = asyncio.create_task(sender(uploads, 600_000, []))
        small = asyncio.create_task(sender(uploads, SMALL, []))
        await later()
        clock.now += GRACE_SECONDS
        quick: list[Upload] = []
        async with asyncio.timeout(None) as timeout:
            quick.append(uploads.open(timeout))
            adding = asyncio.create_task(uploads.add(quick[0], b"x" * 500_000))
            await later()
            assert not adding.done()  # it waits for room

            uploads.sweep()
            await adding

        assert await stalled == "cut off"
        assert (uploads.displaced, uploads.bytes) == (1, SMALL + 500_000)
        assert not small.done()
        small.cancel()

    run(scene)


def test_a_small_body_does_not_wait_for_memory() -> None:
    async def scene(uploads: Uploads, clock: Clock) -> None:
        large = asyncio.create_task(sender(uploads, LIMIT + 1, []))
        await later()
        async with asyncio.timeout(None) as timeout:
            await asyncio.wait_for(uploads.add(uploads.open(timeout), b"x" * SMALL), 1)
        large.cancel()

    run(scene)


def test_single_bytes_take_little_more_memory_than_they_are() -> None:
    async def scene(uploads: Uploads, clock: Clock) -> None:
        async with asyncio.timeout(None) as timeout:
            upload = uploads.open(timeout)
            for number in range(40_000):
                await uploads.add(upload, bytes([number % 256]))

        assert len(upload.parts) == 3
        assert b"".join(upload.parts) == bytes(number % 256 for number in range(40_000))

    run(scene)
