"""The consent cache: each raw id's latest decisions as one hash in Redis, read within the one trip of a request.

PostgreSQL holds the proof; this copy decides. It can be rebuilt at any time: `manage.py rebuild_consents`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from common.redis import Script, ScriptCall
from common.subject_changes import CONSENT, channel
from consents.state import FIELDS, ConsentState, Decision
from consents.suppression_mark import mark_of

PREFIX = "v:c:"
"""Begins the key of a raw id's hash."""
_APPLY = """
local changed = 0
for i = 3, #ARGV, 4 do
  local purpose, given, at, event_id = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local known = redis.call('HGET', KEYS[1], purpose)
  local wins, differs = true, true
  if known then
    local known_given, known_at, known_id = string.match(known, '^(%d)|(%d+)|(.*)$')
    differs = known_given ~= given
    if tonumber(at) ~= tonumber(known_at) then wins = tonumber(at) > tonumber(known_at)
    elseif differs then wins = given == '0'
    else wins = event_id > known_id end
  end
  if wins then
    redis.call('HSET', KEYS[1], purpose, given .. '|' .. at .. '|' .. event_id)
    if differs then changed = changed + 1 end
  end
end
if changed > 0 then
  redis.call('HINCRBY', KEYS[1], 'epoch', changed)
  redis.call('PUBLISH', ARGV[1], ARGV[2])
end
return changed
"""
"""Writes the decisions that win, by the order of `Decision.beats`; counts and publishes changes of mind; atomic."""

LINK = "link:"
"""Begins the fields of a hash that name another raw id."""
_LINK_BYTES: Final = LINK.encode()
_OTHERS: Final = frozenset(name.encode() for name in FIELDS)
"""The fields of a hash that are neither a link nor a decision."""
LINKS_KEPT = 200
"""Links of one raw id that are kept, those made last: more than decide (`person.MOST_LINKS`). A server that makes an
anonymous id for every event, or a till where everybody logs in, would have each request read thousands."""
_LINK = f"""
for i = 1, 2 do
  local field = ARGV[3 - i]
  local known = redis.call('HGET', KEYS[i], field)
  if not known then redis.call('PUBLISH', ARGV[4], string.sub(ARGV[i], {len(LINK) + 1})) end
  if not known or tonumber(ARGV[3]) < tonumber(known) then redis.call('HSET', KEYS[i], field, ARGV[3]) end
  if redis.call('HLEN', KEYS[i]) > {2 * LINKS_KEPT} then
    local all, links = redis.call('HGETALL', KEYS[i]), {{}}
    for j = 1, #all, 2 do
      if string.sub(all[j], 1, {len(LINK)}) == '{LINK}' then
        links[#links + 1] = {{tonumber(all[j + 1]), all[j]}}
      end
    end
    table.sort(links, function(a, b) if a[1] ~= b[1] then return a[1] > b[1] end return a[2] < b[2] end)
    for j = {LINKS_KEPT} + 1, #links do redis.call('HDEL', KEYS[i], links[j][2]) end
  end
end
"""
"""Writes the link on both hashes, and keeps the earliest time; where they are many, those made last. Publishes a new
one: a refusal on one id holds for the other."""


def key(raw_id: str) -> str:
    """Return the Redis key of a raw id's hash."""
    return f"{PREFIX}{raw_id}"


ERASED: Final = "v:erased"
"""Hash of the suppression marks: the keyed mark of an erased raw id to the time of its erasure, in microseconds."""
READ: Final = Script(f"""
local all = {{}}
for i = 1, #KEYS do all[i] = redis.call('HGETALL', KEYS[i]) end
if redis.call('EXISTS', '{ERASED}') == 1 then
  for i = 1, #KEYS do
    local erased_at = redis.call('HGET', '{ERASED}', ARGV[i])
    if erased_at then
      all[i][#all[i] + 1] = 'erased'
      all[i][#all[i] + 1] = erased_at
    end
  end
end
return all
""")
"""Reads many hashes, and whether their raw ids were erased: a pipeline of as many commands costs the client five times
as much."""


def read(raw_ids: Iterable[str]) -> ScriptCall:
    """Return the call that reads the hashes of raw ids, in their order; give its answer to `parse_all`."""
    ids = list(raw_ids)
    return READ.call([key(raw_id) for raw_id in ids], list(map(mark_of, ids)))


def parse_all(hashes: Iterable[Sequence[bytes]]) -> list[ConsentState]:
    """Return the states of hashes, each as field, value, field, value."""
    return [parse(dict(zip(pairs := iter(one), pairs, strict=True))) for one in hashes]


def parse(stored: Mapping[bytes, bytes]) -> ConsentState:
    """Return the state that a hash holds; an empty hash is a subject who decided nothing."""
    decisions: dict[str, Decision] = {}
    links: dict[str, int] = {}
    for name, value in stored.items():
        if name.startswith(_LINK_BYTES):
            links[name[len(_LINK_BYTES) :].decode()] = int(value)
        elif name not in _OTHERS:
            decisions[name.decode()] = _decision(value.decode())
    region, erased_at = stored.get(b"region"), stored.get(b"erased")
    return ConsentState(
        decisions,
        int(stored.get(b"epoch", 0)),
        region.decode() if region else None,
        links,
        erased_at=int(erased_at) if erased_at else None,
    )


def _decision(value: str) -> Decision:
    given, at, event_id = value.split("|", 2)
    return Decision(given == "1", int(at), event_id)


def apply_all(pipe: Any, raw_id: str, decisions: Mapping[str, Decision]) -> None:
    """Queue decisions of one raw id: each is kept only where it beats the known one, and a change raises the epoch."""
    arguments = [
        part
        for purpose, decision in decisions.items()
        for part in (purpose, "1" if decision.given else "0", decision.at, decision.event_id)
    ]
    if arguments:
        pipe.eval(_APPLY, 1, key(raw_id), channel(CONSENT), raw_id, *arguments)


def link(pipe: Any, one: str, other: str, at_us: int) -> None:
    """Queue that two raw ids were seen together at that time; the earliest time is kept."""
    pipe.eval(_LINK, 2, key(one), key(other), f"{LINK}{one}", f"{LINK}{other}", at_us, channel(CONSENT))


def seen_in(pipe: Any, raw_id: str, region: str, *, again: bool = False) -> None:
    """Queue the region where the subject was last seen; written again, it counts only where none is known."""
    (pipe.hsetnx if again else pipe.hset)(key(raw_id), "region", region)


def forget(pipe: Any, raw_id: str) -> None:
    """Queue the removal of everything known about the raw id."""
    pipe.delete(key(raw_id))
    pipe.publish(channel(CONSENT), raw_id)
