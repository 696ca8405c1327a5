"""The pulse of the shop as it was counted last: the more it costs to count, the longer it is shown."""

import time
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import orjson
import redis

from common.redis import client
from events.activity import Pulse, pulse

KEY: Final = "events:pulse"
COST_SHARE: Final = 0.005
"""Counting takes at most this share of the time: a count of half a second is shown for a hundred seconds."""
MIN_SECONDS: Final = 20.0
"""What is counted this fast is counted anew at each call: it would be shown for a shorter time."""


def latest_pulse(*, now: datetime) -> Pulse:
    """Return the pulse, counted now or remembered from a count that took long. Without Redis it is counted."""
    try:
        if stored := client().get(KEY):
            return _of(orjson.loads(stored))
    except (redis.RedisError, KeyError, ValueError):
        pass
    began = time.monotonic()
    counts = pulse(now=now)
    if (seconds := (time.monotonic() - began) / COST_SHARE) >= MIN_SECONDS:
        _remember(counts, seconds)
    return counts


def _remember(counts: Pulse, seconds: float) -> None:
    try:
        client().set(KEY, orjson.dumps(asdict(counts), default=str), px=round(1000 * seconds))
    except redis.RedisError:
        return


def _of(body: dict[str, Any]) -> Pulse:
    days = tuple((date.fromisoformat(day), count) for day, count in body["days"])
    revenue = tuple((currency, Decimal(total)) for currency, total in body["revenue"])
    return Pulse(**{**body, "days": days, "revenue": revenue})
