"""The newest entries about each raw id, by name: a reader who cannot wait for the profiler finds its own writes here.

A name is the shard and the stream id, as `2|1790000000000-3`. The list of a raw id is written in the step that appends
the entry, so whoever got a 200 is in it. It is short and soon forgotten: the profiler is behind by milliseconds.
"""

from typing import Any, Final

from events.log.offsets import offset_of

LATEST: Final = "v:log:latest:"
"""Begins the key of a raw id's list."""
MOST: Final = 64
"""Names of a raw id that are kept at least; less than twice as many are."""
SECONDS: Final = 60
REFUSED_SECONDS: Final = 3
"""How long the names of one who refuses personalization stay: nobody reads them."""

NOTE: Final = f"""
local shard = string.match(KEYS[1], '{{(%d+)}}') .. '|'
local function note(subjects, id)
  local name = shard .. id
  for subject in string.gmatch(subjects, '[^\\n]+') do
    local key = '{LATEST}' .. subject
    if redis.call('RPUSH', key, name) >= {2 * MOST} then redis.call('LTRIM', key, -{MOST}, -1) end
    redis.call('EXPIRE', key, {SECONDS})
  end
end
"""
"""Names an entry under each of its subjects."""


def forget_soon(pipe: Any, raw_id: str) -> None:
    """Queue that the names of a raw id go in `REFUSED_SECONDS`."""
    pipe.expire(f"{LATEST}{raw_id}", REFUSED_SECONDS)


def position_of(name: bytes) -> tuple[int, int]:
    """Return shard and offset of a named entry."""
    shard, _, identity = name.partition(b"|")
    return int(shard), offset_of(identity)
