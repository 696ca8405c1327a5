"""Writes of profiles: the changes of a batch, applied in one MULTI together with the offset.

Every write gives the same state, whenever, however often and in whatever order it runs.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any, Final

from django.conf import settings

from common import clock, redis
from common.subject_changes import publish_profiles
from consents.subjects import raw_ids
from customers.identity import Link
from events.links import links_of
from events.log import Batch, get_log, latest, shard_of
from events.services.decoding import decode, positions_of, readable
from events.shopper_attributes import attributes_in
from events.types.base import Event
from events.types.registry import interactions
from profiles import attributes, counted_rows, history, keys
from profiles.services import live_counts
from profiles.services.live_counts import CountChange
from profiles.traits.context import context_in

PURPOSE: Final = "personalization"
MOST_CLAIMS: Final = 200
"""Newest claims kept for one anonymous id; PostgreSQL keeps all."""
MOST_LINKED: Final = 200
"""Ids kept for one user, those linked last: more than are read (`selectors.MOST_IDS`)."""

DECISION_DELAY: Final = 1_000_000
"""Microseconds after which segments follow a decision that changes no profile, such as Global Privacy Control: the
consent cache is written after the log."""

log = logging.getLogger(__name__)

APPLY: Final = f"""
local refused = tonumber(redis.call('GET', KEYS[3]) or -math.huge)
local changed = 0
if ARGV[1] ~= '' and tonumber(ARGV[1]) > refused then
  refused = tonumber(ARGV[1])
  redis.call('SET', KEYS[3], ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[1])
  for _, said in ipairs(redis.call('HVALS', KEYS[5])) do
    local known = cjson.decode(said)
    if known[2] <= refused then redis.call('HDEL', KEYS[5], known[1]) end
  end
  changed = 1
end
local function say(text)
  local said = cjson.decode(text)
  local kept = redis.call('HGET', KEYS[5], said[1])
  local known = kept and cjson.decode(kept)
  if known and (known[2] > said[2] or (known[2] == said[2] and known[3] >= said[3])) then return 0 end
  redis.call('HSET', KEYS[5], said[1], text)
  return 1
end
for i = 2, #ARGV, 3 do
  if tonumber(ARGV[i + 1]) > refused then
    if ARGV[i] == '5' then changed = changed + say(ARGV[i + 2])
    else changed = changed + redis.call('ZADD', KEYS[tonumber(ARGV[i])], 'NX', ARGV[i + 1], ARGV[i + 2]) end
  end
end
if changed > 0 then
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -{history.MAX_INTERACTIONS + 1})
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -{history.MAX_INTERACTIONS + 1})
  redis.call('INCR', KEYS[4])
end
return changed
"""
CLAIM: Final = f"""
redis.call('ZADD', KEYS[1], 'LT', ARGV[1], ARGV[2])
if redis.call('ZCARD', KEYS[1]) <= {MOST_CLAIMS} then return end
local last = nil
for _, claim in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local user = string.sub(claim, string.find(claim, '\\0', 1, true) + 1)
  if user == last then redis.call('ZREM', KEYS[1], claim) end
  last = user
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -{MOST_CLAIMS + 1})
"""
"""Adds a claim at its earliest time. If there are too many, claims that repeat the current user are removed first."""
LEAVE_ALL: Final = f"""
for _, key in ipairs(redis.call('HKEYS', KEYS[1])) do redis.call('ZREM', '{keys.MEMBERS}' .. key, ARGV[1]) end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('SREM', KEYS[3], ARGV[1])
return redis.call('DEL', KEYS[1])
"""
"""Takes a subject out of all segments, without a trace."""
APPLY_SHA: Final = sha1(APPLY.encode()).hexdigest()


@dataclass(slots=True)
class Change:
    """Changes of one raw id: a refusal, rows to add (which key of `state_keys`, time, member), and live counts."""

    refused_at: int | None = None
    rows: list[tuple[int, int, bytes]] = field(default_factory=list)
    counts: CountChange = field(default_factory=CountChange)

    def refuse(self, at: int) -> None:
        """Add a refusal at that time."""
        self.refused_at = at if self.refused_at is None else max(self.refused_at, at)

    def arguments(self) -> list[Any]:
        """Return the arguments of `APPLY`."""
        return ["" if self.refused_at is None else self.refused_at, *(part for row in self.rows for part in row)]


def apply(batch: Batch) -> None:
    """Apply a batch of the log and store its last offsets. Raises redis errors; then apply it again."""
    decoded = decode(positions_of(batch))
    apply_events(readable(decoded.rows), offsets={shard: rows[-1][0] for shard, rows in batch.items()})


def apply_named(names: Collection[bytes]) -> None:
    """Apply the named entries of the log ahead of the profiler, which will apply them again. Raises as `apply`."""
    decoded = decode(positions_of(get_log().read_named(names)))
    apply_events(readable(decoded.rows), offsets={})


def apply_events(events: Iterable[Event], *, offsets: Mapping[int, int], makes_due: bool = True) -> None:
    """Apply events from any source and store the offsets.

    Whoever they are about is marked: segments are determined next. A replay marks nobody and determines all at its end.
    """
    changes: dict[str, Change] = defaultdict(Change)
    links: list[Link] = []
    deciders: set[str] = set()
    for event in events:
        try:
            links += links_of(event)
            _collect(changes, event)
            deciders.update(raw_ids(event.user_id, event.anonymous_id) if event.consents else ())
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            # The recorder stores it as rejected. Waiting for it here would hold up every shopper behind it.
            log.warning("event.unreadable message_id=%s error=%s", event.message_id, error)
    pipe = redis.client().pipeline(transaction=True)
    # Inside the transaction, because a restarted server knows no script.
    pipe.script_load(APPLY)
    pipe.script_load(live_counts.COUNT)
    for raw_id, change in changes.items():
        pipe.evalsha(APPLY_SHA, 5, *state_keys(raw_id), *change.arguments())
        live_counts.write(pipe, raw_id, change.counts)
        if change.refused_at is not None:
            latest.forget_soon(pipe, raw_id)
    for link in _first_and_last(links):
        _link(pipe, link)
    first_changes = _first_changes(changes, links)
    if first_changes:
        pipe.sadd(keys.SUBJECTS, *first_changes)
    if makes_due:
        shards, now = get_log().shards, clock.epoch_us()
        for raw_id, at in first_changes.items():
            pipe.zadd(due_key(raw_id, shards=shards), {raw_id: min(at, now)}, lt=True)
        for raw_id in deciders - first_changes.keys():
            pipe.zadd(due_key(raw_id, shards=shards), {raw_id: now + DECISION_DELAY}, lt=True)
    for shard, offset in offsets.items():
        pipe.hset(keys.OFFSETS, str(shard), str(offset))
    publish_profiles(pipe, changes.keys() | {raw_id for link in links for raw_id in _ids_of(link)})
    pipe.execute()


def changes_of(events: Iterable[Event]) -> dict[str, Change]:
    """Return what the events change, by raw id, in their order."""
    changes: dict[str, Change] = defaultdict(Change)
    for event in events:
        try:
            _collect(changes, event)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            log.warning("event.unreadable message_id=%s error=%s", event.message_id, error)
    return changes


def _collect(changes: dict[str, Change], event: Event) -> None:
    if event.consents.get(PURPOSE) is False:
        for raw_id in raw_ids(event.user_id, event.anonymous_id):
            changes[raw_id].refuse(event.at)
    if any(event.consents.get(purpose) is False for purpose in counted_rows.PURPOSES):
        for raw_id in raw_ids(event.user_id, event.anonymous_id):
            changes[raw_id].counts.refuse(event.at)
    if PURPOSE in event.allowed and (lines := interactions(event, currency=settings.SHOP_CURRENCY)):
        rows, counted = changes[event.raw_id].rows, changes[event.raw_id].counts.rows
        for position, interaction in enumerate(lines):
            kind = 2 if interaction.signal in history.LASTING else 1
            rows.append((kind, interaction.at, history.member(interaction, line=position)))
            if counted_rows.PURPOSES.issubset(event.allowed):
                counted.append(counted_rows.row_of(interaction, line=position))
        rows += [(5, event.at, attributes.member(event, *one)) for one in context_in(event).items()]
    if PURPOSE in event.allowed and (stated := attributes_in(event, settings.SHOPPER_ATTRIBUTES)):
        changes[event.raw_id].rows += [(5, event.at, attributes.member(event, *one)) for one in stated.items()]


def _first_changes(changes: Mapping[str, Change], links: Iterable[Link]) -> dict[str, int]:
    """Return the raw ids whose profiles change, with the time of the first change."""
    first_changes: dict[str, int] = {}
    for raw_id, change in changes.items():
        times = [at for _, at, _ in change.rows] + ([] if change.refused_at is None else [change.refused_at])
        if times:
            first_changes[raw_id] = min(times)
    for link in links:
        other = f"{'anonymous' if link.kind == 'claim' else 'user'}:{link.from_id}"
        for raw_id in (f"user:{link.user_id}", other):
            first_changes[raw_id] = min(link.at, first_changes.get(raw_id, link.at))
    return first_changes


def due_key(subject: str, *, shards: int) -> str:
    """Return the key of the sorted set of due subjects that this one is in."""
    return f"{keys.DUE}{shard_of(subject, shards=shards)}"


def _first_and_last(links: Iterable[Link]) -> Iterator[Link]:
    """Yield of the links that many events make alike the earliest, which counts as claim, and the latest."""
    alike: dict[tuple[str, ...], list[Link]] = defaultdict(list)
    for link in links:
        alike[link.kind, link.from_id, link.user_id, link.message_id].append(link)
    for same in alike.values():
        yield from {min(same, key=lambda link: link.at), max(same, key=lambda link: link.at)}


def _link(pipe: Any, link: Link) -> None:
    user, other = f"user:{link.user_id}", link.from_id
    if link.kind == "claim":
        claims = f"{keys.CLAIMS}{other}"
        pipe.eval(CLAIM, 1, claims, link.at, f"{link.message_id}\0{link.user_id}")
        _join(pipe, link.user_id, f"anonymous:{other}", link.at)
        pipe.incr(f"{keys.STATE}anonymous:{other}")
    else:
        _join(pipe, link.user_id, f"user:{other}", link.at)
        _join(pipe, other, user, link.at)
        pipe.incr(f"{keys.STATE}user:{other}")
    pipe.incr(f"{keys.STATE}{user}")


def _ids_of(link: Link) -> tuple[str, str]:
    kind = "anonymous" if link.kind == "claim" else "user"
    return f"{kind}:{link.from_id}", f"user:{link.user_id}"


def _join(pipe: Any, user_id: str, other: str, at: int) -> None:
    linked = f"{keys.LINKED}{user_id}"
    pipe.zadd(linked, {other: at}, gt=True)
    pipe.zremrangebyrank(linked, 0, -MOST_LINKED - 1)


def state_keys(raw_id: str) -> tuple[str, str, str, str, str]:
    """Return the keys of one raw id's state, in the order `APPLY` takes them."""
    return (
        f"{keys.BROWSED}{raw_id}",
        f"{keys.LASTING}{raw_id}",
        f"{keys.REFUSED}{raw_id}",
        f"{keys.STATE}{raw_id}",
        f"{keys.ATTRIBUTES}{raw_id}",
    )


def offsets(shards: Iterable[int]) -> dict[int, int]:
    """Return the applied offset of each shard."""
    shard_list = list(shards)
    if not shard_list:
        return {}
    values: Any = redis.client().hmget(keys.OFFSETS, [str(shard) for shard in shard_list])
    return {shard: int(value or 0) for shard, value in zip(shard_list, values, strict=True)}


def forget(raw_ids: Iterable[str]) -> int:
    """Delete all keys of the raw ids, and their places in segments; return the number deleted."""
    subjects = list(raw_ids)
    names = [name for raw_id in subjects for name in all_keys(raw_id)]
    if not names:
        return 0
    pipe, shards = redis.client().pipeline(transaction=True), get_log().shards
    for raw_id in subjects:
        arguments = (f"{keys.SEGMENTS}{raw_id}", due_key(raw_id, shards=shards), keys.SUBJECTS)
        pipe.eval(LEAVE_ALL, 3, *arguments, raw_id)
        live_counts.forget(pipe, raw_id)
    pipe.delete(*names)
    publish_profiles(pipe, subjects)
    return sum(int(count) for count in pipe.execute()[:-1])


def all_keys(raw_id: str) -> tuple[str, ...]:
    """Return every key that this room may have for a raw id."""
    return (*state_keys(raw_id), *live_counts.row_keys(raw_id), links_key(raw_id))


def links_key(raw_id: str) -> str:
    """Return the key of the links of a raw id: the claims of a device, or what was linked to a user, with times."""
    kind, _, value = raw_id.partition(":")
    return f"{keys.CLAIMS if kind == 'anonymous' else keys.LINKED}{value}"


def forget_everybody() -> int:
    """Delete all profiles, to be rebuilt from the log; return the number of keys deleted."""
    live_counts.forget_everybody()
    client, removed = redis.client(), 0
    for prefix in keys.ALL:
        names: list[bytes] = []
        for name in client.scan_iter(match=f"{prefix}*", count=1000):
            names.append(name)
            if len(names) == 1000:
                removed += int(client.delete(*names))
                names = []
        removed += int(client.delete(*names)) if names else 0
    client.delete(keys.OFFSETS, keys.SUBJECTS)
    return removed
