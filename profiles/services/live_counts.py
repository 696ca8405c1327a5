"""Live counts: how often each product was touched and which followed which, in integers by day.

The rows that count are kept for each raw id. One script adds a row and its counts, or takes rows out and subtracts
theirs. So a repeated event counts once, counts are the same in whatever order rows come, and a shopper can be taken out
exactly. Each change is also written to a short stream, which serving follows.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any, Final

from common import clock, redis
from profiles import counted_rows, keys
from profiles.counted_rows import DAY_US, DAYS, MAX_ROWS, MAX_STEPS, VISIT_US, Row

MOST_ITEM_FIELDS: Final = 200_000
MOST_PAIR_FIELDS: Final = 50_000
"""Fields of one day, some 100 bytes each. A full day takes no new ones; those it has are counted on."""
MOST_CHANGES: Final = 20_000
"""Entries of the stream of changes. A reader that is further behind reads all counts."""
KEEP_SECONDS: Final = DAYS * 86_400
AT_ONCE: Final = 1_000

COUNT: Final = f"""
local first = ARGV[1] / {DAY_US}
local most = {{ i = {MOST_ITEM_FIELDS}, p = {MOST_PAIR_FIELDS} }}
local sums = {{}}
local function add(kind, day, name, by)
  if day < first then return end
  local id = kind .. ':' .. day
  if not sums[id] then sums[id] = {{}} end
  sums[id][name] = (sums[id][name] or 0) + by
end
local function read(from, to)
  local flat, rows = redis.call('ZRANGE', KEYS[1], from, to, 'WITHSCORES'), {{}}
  for i = 1, #flat, 2 do
    local member, at = flat[i], tonumber(flat[i + 1])
    local colon, stop = string.find(member, ':', 1, true), string.find(member, '\0', 1, true)
    local code, product = string.sub(member, 1, colon - 1), string.sub(member, colon + 1, stop - 1)
    rows[#rows + 1] = {{ at = at, day = math.floor(at / {DAY_US}), code = code, product = product }}
  end
  return rows
end
local function pair(row, later, by)
  if not row or not later or row.day ~= later.day or row.product == later.product then return end
  if later.at - row.at > {VISIT_US} then return end
  add('p', row.day, later.code .. ':' .. row.product .. '\\0' .. later.product, by)
  if row.at == later.at then add('p', row.day, row.code .. ':' .. later.product .. '\\0' .. row.product, by) end
end
local function insert(at, member)
  if redis.call('ZADD', KEYS[1], 'NX', at, member) == 0 then return end
  local rank = redis.call('ZRANK', KEYS[1], member)
  local from = math.max(0, rank - {MAX_STEPS})
  local rows, place = read(from, rank + {MAX_STEPS}), rank - from + 1
  add('i', rows[place].day, rows[place].code .. ':' .. rows[place].product, 1)
  for steps = 1, {MAX_STEPS} do
    pair(rows[place - steps], rows[place], 1)
    pair(rows[place], rows[place + steps], 1)
    pair(rows[place - steps], rows[place - steps + {MAX_STEPS + 1}], -1)
  end
end
local function remove(n)
  local rows = read(0, n - 1 + {MAX_STEPS})
  for i = 1, n do
    add('i', rows[i].day, rows[i].code .. ':' .. rows[i].product, -1)
    for steps = 1, {MAX_STEPS} do pair(rows[i], rows[i + steps], -1) end
  end
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, n - 1)
end
local n_removed = 0
if ARGV[2] == 'forget' then
  n_removed = redis.call('ZCARD', KEYS[1])
  if n_removed > 0 then remove(n_removed) end
  redis.call('DEL', KEYS[1], KEYS[2])
else
  local refused = tonumber(redis.call('GET', KEYS[2]) or -math.huge)
  if ARGV[2] ~= '' and tonumber(ARGV[2]) > refused then
    refused = tonumber(ARGV[2])
    redis.call('SET', KEYS[2], ARGV[2], 'EX', {KEEP_SECONDS})
    local n = redis.call('ZCOUNT', KEYS[1], '-inf', ARGV[2])
    if n > 0 then remove(n) end
  end
  for i = 3, #ARGV, 2 do
    if tonumber(ARGV[i]) > refused then insert(ARGV[i], ARGV[i + 1]) end
  end
  local excess = redis.call('ZCARD', KEYS[1]) - {MAX_ROWS}
  if excess > 0 then remove(excess) end
  redis.call('EXPIRE', KEYS[1], {KEEP_SECONDS})
end
local entry = {{}}
local function publish()
  if #entry > 0 then redis.call('XADD', '{keys.COUNT_CHANGES}', 'MAXLEN', '~', {MOST_CHANGES}, '*', unpack(entry)) end
  entry = {{}}
end
local function write(id, name, by)
  local key = '{keys.COUNTS}' .. id
  local count = redis.call('HINCRBY', key, name, by)
  if count == by then
    local size = redis.call('HLEN', key)
    if size == 1 then redis.call('EXPIRE', key, {KEEP_SECONDS}) end
    if by < 0 or size > most[string.sub(id, 1, 1)] then
      redis.call('HDEL', key, name)
      return
    end
  end
  if count <= 0 then redis.call('HDEL', key, name) end
  entry[#entry + 1], entry[#entry + 2] = id .. ':' .. name, math.max(0, count)
  if #entry >= 1000 then publish() end
end
for id, names in pairs(sums) do
  for name, by in pairs(names) do
    if by ~= 0 then write(id, name, by) end
  end
end
publish()
return n_removed
"""
"""Rows and refusals of one raw id. ARGV: the first counted moment, a refusal's time or '' or 'forget', then rows.

A row between two others pushes some pairs further apart; those no longer count. Rows of days that are over go without
a subtraction: their counts go with the day.
"""
COUNT_SHA: Final = sha1(COUNT.encode()).hexdigest()


@dataclass(slots=True)
class CountChange:
    """Changes of one raw id's counts: a refusal, and rows to add."""

    refused_at: int | None = None
    rows: list[Row] = field(default_factory=list)

    def refuse(self, at: int) -> None:
        """Add a refusal at that time."""
        self.refused_at = at if self.refused_at is None else max(self.refused_at, at)


def write(pipe: Any, raw_id: str, change: CountChange) -> None:
    """Add the change of a raw id to a transaction, which has loaded `COUNT`."""
    start = _start()
    rows = [part for row in change.rows if row.at >= start for part in row]
    if rows or change.refused_at is not None:
        refused_at = "" if change.refused_at is None else change.refused_at
        pipe.evalsha(COUNT_SHA, 2, *row_keys(raw_id), start, refused_at, *rows)


def forget(pipe: Any, raw_id: str) -> None:
    """Add to a transaction that a raw id's rows go, and their counts are subtracted."""
    pipe.eval(COUNT, 2, *row_keys(raw_id), _start(), "forget")


def forget_everybody() -> None:
    """Subtract all rows, one raw id after the other, so that what comes meanwhile counts."""
    client = redis.client()
    for raw_ids in _batches(client.scan_iter(match=f"{keys.COUNTED_ROWS}*", count=AT_ONCE)):
        pipe = client.pipeline(transaction=False)
        pipe.script_load(COUNT)
        for raw_id in raw_ids:
            pipe.evalsha(COUNT_SHA, 2, *row_keys(raw_id), _start(), "forget")
        pipe.execute()


def row_keys(raw_id: str) -> tuple[str, str]:
    """Return the keys of one raw id: its counted rows, and when it refused."""
    return f"{keys.COUNTED_ROWS}{raw_id}", f"{keys.COUNTS_REFUSED}{raw_id}"


def _batches(names: Iterable[bytes]) -> Iterator[list[str]]:
    batch: list[str] = []
    for name in names:
        batch.append(name.decode().removeprefix(keys.COUNTED_ROWS))
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _start() -> int:
    """Return the first counted moment, in microseconds."""
    return counted_rows.first_day(clock.epoch_us()) * DAY_US
