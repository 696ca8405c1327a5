"""Numbers of each minute, summed over all processes: one Redis hash a minute, kept for two hours."""

import time
from collections.abc import Mapping
from typing import Any, Final

from common import redis

PREFIX: Final = "v:minute:"
KEEP_SECONDS: Final = 7_200
HOUR: Final = 60
"""Minutes that pages show."""
PEAK: Final = redis.Script("""
local known = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '-1')
if tonumber(ARGV[2]) > known then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
""")
"""Keeps the highest value of a minute."""


def this_minute() -> int:
    """Return the running minute since the epoch."""
    return int(time.time()) // 60


def queue_add(pipe: Any, counts: Mapping[str, int], *, minute: int | None = None) -> None:
    """Queue counts to be added to the minute, which defaults to the running one."""
    key = f"{PREFIX}{this_minute() if minute is None else minute}"
    for name, count in counts.items():
        if count:
            pipe.hincrby(key, name, count)
    pipe.expire(key, KEEP_SECONDS)


def note_peak(name: str, value: int) -> None:
    """Keep the value if it is the highest of the running minute. Raises redis errors."""
    PEAK.run([f"{PREFIX}{this_minute()}"], [name, value, KEEP_SECONDS])


def last_hour(*, recent: int = HOUR) -> dict[int, dict[str, int]]:
    """Return the numbers of the `recent` last minutes, the oldest first, the running one last.

    Raises redis errors.
    """
    last = this_minute()
    numbers = range(last - recent + 1, last + 1)
    pipe = redis.client().pipeline(transaction=False)
    for minute in numbers:
        pipe.hgetall(f"{PREFIX}{minute}")
    answers: list[Any] = pipe.execute()
    return {
        minute: {name.decode(): int(value) for name, value in answer.items()}
        for minute, answer in zip(numbers, answers, strict=True)
    }
