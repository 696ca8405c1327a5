"""The exploration budget of new products, counted in Redis in one round trip. An answer never fails because of it.

Each product has two counters. One counts all its impressions and expires after 92 days. The other counts today's
exploration impressions on one placement, which the budget limits, and expires after two days.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import redis

from common.cooldown import Cooldown
from common.redis import Script

TOTAL: Final = "v:n:"
"""Key prefix, per product: impressions while it is new."""
TODAY: Final = "v:n:day:"
"""Key prefix, per placement, day and product: impressions by exploration."""
TOTAL_SECONDS: Final = 92 * 86_400
TODAY_SECONDS: Final = 2 * 86_400
log = logging.getLogger(__name__)
rest = Cooldown(0.5)

RESERVE: Final = Script(f"""
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
""")
"""Counts the new products on the slate, then reserves the first candidate with budget left and counts it too."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """The index of the candidate that may be shown, and for every candidate whether it had budget left."""

    place: int
    had_budget: tuple[bool, ...]


def reserve(
    placement: str, candidates: Sequence[str], *, shown_products: Sequence[str], cap: int, enough: int, now: datetime
) -> Reservation | None:
    """Count an impression of each shown product and of the first candidate with budget left; return that candidate.

    The budget of a product on this placement is `cap` impressions a day. It ends at `enough` impressions on all
    placements. Returns None where no candidate has budget left, or Redis does not answer.
    """
    if rest.active():
        return None
    day = now.date().isoformat()
    keys = [f"{TOTAL}{one}" for one in shown_products]
    for one in candidates:
        keys += [f"{TOTAL}{one}", f"{TODAY}{placement}:{day}:{one}"]
    try:
        place, had_budget = RESERVE.run(keys, [len(shown_products), cap, enough])
    except redis.RedisError as error:  # also where Redis is full or read-only
        rest.start()
        log.warning("exploration.store_down error=%s", error)
        return None
    return Reservation(place - 1, tuple(free == 1 for free in had_budget)) if place else None
