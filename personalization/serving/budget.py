"""How often new products were shown: counted in Redis, one round trip, and never a reason to fail.

Two counters a product: all its impressions (until it is known well enough) and those of today's exploration on one
placement (the budget). Both go by themselves: after a quarter of a year, after two days.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha1
from typing import Any, Final

import redis
from redis.exceptions import NoScriptError

from common.cooldown import Cooldown
from common.redis import client

TOTAL: Final = "v:n:"
"""Per product: how often it was shown since it is new."""
TODAY: Final = "v:n:day:"
"""Per placement, day and product: how often exploration showed it."""
TOTAL_SECONDS: Final = 92 * 86_400
TODAY_SECONDS: Final = 2 * 86_400
log = logging.getLogger(__name__)
rest = Cooldown(0.5)

RESERVE: Final = f"""
local shown, cap, enough = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local function count(key, seconds)
  if redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, seconds) end
end
for i = 1, shown do count(KEYS[i], {TOTAL_SECONDS}) end
local open, taken = {{}}, 0
for i = shown + 1, #KEYS, 2 do
  local total, today = tonumber(redis.call('GET', KEYS[i]) or '0'), tonumber(redis.call('GET', KEYS[i + 1]) or '0')
  local free = total < enough and today < cap
  open[#open + 1] = free and 1 or 0
  if free and taken == 0 then
    taken = #open
    count(KEYS[i], {TOTAL_SECONDS})
    count(KEYS[i + 1], {TODAY_SECONDS})
  end
end
return {{taken, open}}
"""
"""Counts what is shown anyway; of the candidates takes the first whose budget is not spent, and counts it."""
RESERVE_SHA: Final = sha1(RESERVE.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Reserved:
    """Which candidate may be shown (its place in the list), and which of all had budget left."""

    place: int
    open_to: tuple[bool, ...]


def reserve(
    placement: str, candidates: Sequence[str], *, shown: Sequence[str], cap: int, enough: int, now: datetime
) -> Reserved | None:
    """Count an impression of each shown product, and of the first candidate with budget left; return that candidate.

    `cap` impressions a day are the budget of a product on this placement; from `enough` impressions on, anywhere, it is
    known well. None where no candidate has budget left, and where Redis does not answer.
    """
    if rest.active():
        return None
    day = now.date().isoformat()
    keys = [f"{TOTAL}{one}" for one in shown]
    for one in candidates:
        keys += [f"{TOTAL}{one}", f"{TODAY}{placement}:{day}:{one}"]
    try:
        place, open_to = _run(keys, len(shown), cap, enough)
    except redis.RedisError as error:  # also one that is full or only read from
        rest.start()
        log.warning("exploration.store_down error=%s", error)
        return None
    return Reserved(place - 1, tuple(free == 1 for free in open_to)) if place else None


def _run(keys: list[str], *arguments: int) -> Any:
    try:
        return client().evalsha(RESERVE_SHA, len(keys), *keys, *arguments)
    except NoScriptError:
        return client().eval(RESERVE, len(keys), *keys, *arguments)
