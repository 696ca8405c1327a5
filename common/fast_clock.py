"""A clock that can run fast, for simulations. Every process of an installation reads its course from Redis.

A change of speed is written two seconds before it takes effect, and each process reads the course twice a second. So
all processes agree at every moment. No time is ever repeated: afterwards the product's time stays ahead.
"""

import contextlib
import json
from typing import Final, NamedTuple

import redis
from django.conf import settings

from common import clock
from common.redis import connect

KEY: Final = "v:clock"
READ_US: Final = 500_000
LEAD_US: Final = 2_000_000
"""A process needs up to `READ_US` to read a change. The rest is for a slow answer."""
MAX_SPEED: Final = 86_400.0
"""Product seconds in a real second: a day each second."""


class Change(NamedTuple):
    """From a real time on, the product's time runs from `product_us` with a speed."""

    real_us: int
    product_us: int
    speed: float


class FastClock:
    """The course of the product's time. Call it with a real time in microseconds."""

    def __init__(self, url: str) -> None:
        self.url, self._changes, self._due_us = url, list[Change](), 0

    def __call__(self, real_us: int) -> int:
        """Return the product's time. While Redis is away, the course that was read last holds."""
        if not 0 <= self._due_us - real_us <= READ_US:
            self._due_us = real_us + READ_US  # before the read: other threads go on meanwhile
            with contextlib.suppress(redis.RedisError):
                self._changes = read_changes(self.url)
        return product_time(self._changes, real_us)


def product_time(changes: list[Change], real_us: int) -> int:
    """Return the product's time: the real one before the first change."""
    for change in reversed(changes):
        if change.real_us <= real_us:
            return change.product_us + round((real_us - change.real_us) * change.speed)
    return real_us


def read_changes(url: str) -> list[Change]:
    """Return the changes of speed in order of time; empty where the clock never ran fast. Raises redis errors."""
    value = connect(url).get(KEY)
    return [Change(*row) for row in json.loads(value)] if isinstance(value, bytes) else []


def run_fast(speed: float, *, seconds: float) -> Change:
    """Let the product's time run with a speed, for real seconds, and then with the real one's; return the first change.

    The end is written with the beginning, so that the clock slows down also if the caller is killed. Raises ValueError
    for a speed that is not from 1 to `MAX_SPEED`, and redis errors.
    """
    if not 1 <= speed <= MAX_SPEED:
        raise ValueError(f"The speed is from 1 to {MAX_SPEED:.0f} seconds a second.")
    past_changes = _past_changes()
    start_us = clock.real_epoch_us() + LEAD_US
    start = Change(start_us, product_time(past_changes, start_us), speed)
    end_us = start_us + round(seconds * 1e6)
    _write([*past_changes[-1:], start, Change(end_us, product_time([start], end_us), 1.0)])
    return start


def slow_down() -> None:
    """Let the product's time run with the real one's speed again. Raises redis errors."""
    past_changes = _past_changes()
    at_us = clock.real_epoch_us() + LEAD_US
    if past_changes and past_changes[-1].speed != 1:
        _write([past_changes[-1], Change(at_us, product_time(past_changes, at_us), 1.0)])


def has_run() -> bool:
    """Return whether the clock of this installation ever ran fast. Raises redis errors."""
    return bool(read_changes(settings.REDIS_URL))


def _past_changes() -> list[Change]:
    real_us = clock.real_epoch_us()
    return [change for change in read_changes(settings.REDIS_URL) if change.real_us <= real_us]


def _write(changes: list[Change]) -> None:
    connect(settings.REDIS_URL).set(KEY, json.dumps(changes))
