"""Who is in which segment: determined from profiles, written in one script, told to the log.

Every change of a profile marks its raw id as due, in the transaction of the change. The process that owns the shard of
a person determines their segments, so no two do. Time alone makes a person due again at the moment when a verdict can
change. Nothing is lost in a kill: a mark goes only when its result is written.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b, sha1
from typing import Any, Final, Literal

import orjson

from common import clock, redis
from common.subject_changes import publish_profiles
from consents import cache as consent_cache
from events.log import get_log, shard_of
from events.services.server_events import ServerEvent, append_server_events
from events.types.segment_entered import SEGMENT_ENTERED
from events.types.segment_left import SEGMENT_LEFT
from profiles import keys
from profiles.segments.rules.evaluation import ShopperState
from profiles.segments.segment_set import SegmentSet
from profiles.selectors import Person, read_people
from profiles.services import due_key
from profiles.shopper_states import ProductCache, is_allowed, states_of

AT_ONCE: Final = 250
OUTBOX_SIZE: Final = 1000
Cause = Literal["event", "time"]
log = logging.getLogger(__name__)

SETTLE: Final = f"""
local subject, now, due, version, epoch = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local change = cjson.decode(ARGV[6])
local n_profiles = tonumber(ARGV[7])
local version_now, epoch_now = 0, 0
for i = 5, 4 + n_profiles do version_now = version_now + tonumber(redis.call('GET', KEYS[i]) or '0') end
for i = 5 + n_profiles, #KEYS do epoch_now = epoch_now + tonumber(redis.call('HGET', KEYS[i], 'epoch') or '0') end
local is_silent = #change.outbox == 0 and #change.flows == 0
local is_current = version_now == tonumber(version) and epoch_now == tonumber(epoch)
if not is_current or not (is_silent or redis.call('EXISTS', '{keys.REBUILD}') == 0) then
  if version_now > 0 then redis.call('ZADD', KEYS[1], 'LT', now, subject) end
  return 0
end
if due == '' then redis.call('ZREM', KEYS[1], subject) else redis.call('ZADD', KEYS[1], due, subject) end
for _, id in ipairs(change.merged) do
  for _, key in ipairs(redis.call('HKEYS', '{keys.SEGMENTS}' .. id)) do
    redis.call('ZREM', '{keys.MEMBERS}' .. key, id)
  end
  redis.call('DEL', '{keys.SEGMENTS}' .. id)
end
for _, key in ipairs(change.left) do
  redis.call('HDEL', KEYS[2], key)
  redis.call('ZREM', '{keys.MEMBERS}' .. key, subject)
end
for _, one in ipairs(change.stays) do
  redis.call('HSET', KEYS[2], one[1], one[2])
  redis.call('ZADD', '{keys.MEMBERS}' .. one[1], one[2], subject)
end
for _, flow in ipairs(change.flows) do redis.call('HINCRBY', KEYS[4], flow, 1) end
for _, line in ipairs(change.outbox) do redis.call('RPUSH', KEYS[3], line) end
if version_now > 0 and (#change.left > 0 or #change.stays > 0) then redis.call('INCR', KEYS[5]) end
return 1
"""
"""Writes one person's segments.

The person is due again instead if the profile or a decision on consent has changed since it was read, or while profiles
are rebuilt. An id without a profile was erased meanwhile: nothing may name it again.
"""
SETTLE_SHA: Final = sha1(SETTLE.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Change:
    """The new segments of one person. `before` and `after` map keys to the time of entering.

    `due` is the next time to look; `moment` and `cause` say when and why they changed.
    """

    person: Person
    before: Mapping[str, int]
    after: Mapping[str, int]
    due: int | None
    moment: int
    cause: Cause

    @property
    def entered(self) -> list[str]:
        """The keys of segments that are new."""
        return sorted(self.after.keys() - self.before.keys())

    @property
    def left(self) -> list[str]:
        """The keys of segments that ended."""
        return sorted(self.before.keys() - self.after.keys())

    @property
    def flows(self) -> list[str]:
        """From each ended segment to each new one; "" is outside."""
        if not self.entered and not self.left:
            return []
        return [f"{source}>{target}" for source in self.left or [""] for target in self.entered or [""]]


@dataclass(slots=True)
class SegmentMembers:
    """Determines segments; remembers the products that traits read."""

    segment_set: SegmentSet = field(default_factory=SegmentSet)
    cache: ProductCache = field(default_factory=ProductCache)

    def determine_due(self, shards: Collection[int], *, limit: int = AT_ONCE) -> int:
        """Determine the segments of up to `limit` due people of each of these shards; return the number of marks.

        People whose shard belongs to another process are handed over. Raises redis errors, Unavailable where the log
        does not take events, and Django's OperationalError while PostgreSQL is down; then the marks stay.
        """
        now = clock.epoch_us()
        due_at = _due(shards, now=now, limit=limit)
        if not due_at:
            return 0
        if self.segment_set.is_empty:
            _drop_marks(due_at)
            return len(due_at)
        people = dict(zip(due_at, read_people(list(due_at)), strict=True))
        moments: dict[str, int] = {}
        own: dict[str, Person] = {}
        foreign: dict[str, str] = {}
        for raw_id, person in people.items():
            subject = person.subject
            if shard_of(subject, shards=get_log().shards) in shards:
                own[subject] = person
                moments[subject] = min(due_at[raw_id], moments.get(subject, due_at[raw_id]))
            if raw_id != subject:
                foreign[raw_id] = subject
        self._hand_over(foreign, due_at)
        self.determine(list(own.values()), moments=moments, now=now)
        return len(due_at)

    def determine(
        self, people: Sequence[Person], *, moments: Mapping[str, int], now: int, silent: bool = False
    ) -> list[Change]:
        """Determine and write the segments of these people; return the changes.

        `moments` says what time each subject was due. A silent one tells nobody: no event, no flow.
        """
        states = states_of(
            people, self.segment_set.traits, cache=self.cache if self.segment_set.needs_products else None, now=now
        )
        merged = _segments_of_merged(people)
        changes = [
            self._change(person, state, merged.get(person.subject, {}), moments.get(person.subject, now))
            for person, state in zip(people, states, strict=True)
        ]
        self._write(changes, now=now, silent=silent)
        return changes

    def _change(self, person: Person, state: ShopperState, merged: Mapping[str, int], mark: int) -> Change:
        """Return the change of one person; segments of ids that became theirs count as their own.

        Its moment is that of the newest event, or of the mark where time alone made the person due.
        """
        before = {**merged, **person.segments}
        after_keys, due = self.segment_set.segments_of(state)
        newest = state.history[-1].at if state.history else mark
        cause: Cause = "event" if newest >= mark else "time"
        moment = min(state.now, max(newest, mark))
        after = {key: before.get(key, moment) for key in after_keys}
        return Change(person, before, after, due, moment, cause)

    def _write(self, changes: Sequence[Change], *, now: int, silent: bool) -> None:
        pipe, shards = redis.client().pipeline(transaction=False), get_log().shards
        pipe.script_load(SETTLE)
        for one in changes:
            person, subject = one.person, one.person.subject
            places = (
                due_key(subject, shards=shards),
                f"{keys.SEGMENTS}{subject}",
                f"{keys.OUTBOX}{shard_of(subject, shards=shards)}",
                keys.FLOWS,
            )
            profiles = [f"{keys.STATE}{raw_id}" for raw_id in dict.fromkeys((subject, *person.ids))]
            decided = [consent_cache.key(raw_id) for raw_id in person.consent_states]
            is_told = not silent and bool(one.entered or one.left) and is_allowed(person)
            body = orjson.dumps(
                {
                    "merged": [raw_id for raw_id in person.ids if raw_id != subject],
                    "left": one.left,
                    # As texts: a script would write such large numbers with an exponent.
                    "stays": [(key, str(at)) for key, at in one.after.items() if person.segments.get(key) != at],
                    "flows": one.flows if is_told else [],
                    "outbox": self._lines(one) if is_told else [],
                }
            )
            due = "" if one.due is None else one.due
            names = (*places, *profiles, *decided)
            versions = (person.version, sum(state.epoch for state in person.consent_states.values()))
            pipe.evalsha(SETTLE_SHA, len(names), *names, subject, now, due, *versions, body, len(profiles))
        publish_profiles(pipe, [one.person.subject for one in changes if one.entered or one.left])
        pipe.execute()

    def _lines(self, change: Change) -> list[str]:
        """Return what the log is told of one change, as JSON."""
        names = [(SEGMENT_ENTERED.name, key) for key in change.entered]
        # One that is defined no more ends silently, as it does for all its members at once.
        names += [(SEGMENT_LEFT.name, key) for key in change.left if key in self.segment_set.by_key]
        return [
            orjson.dumps(
                {
                    "message_id": message_id(change, event_name, key, self.segment_set.by_key[key].version),
                    "name": event_name,
                    "at": change.moment,
                    "subject": change.person.subject,
                    "properties": {"segment": key, "name": self.segment_set.by_key[key].name, "cause": change.cause},
                }
            ).decode()
            for event_name, key in names
        ]

    def _hand_over(self, foreign: Mapping[str, str], due_at: Mapping[str, int]) -> None:
        """Mark the person in place of an id that became theirs."""
        if not foreign:
            return
        pipe, shards = redis.client().pipeline(transaction=True), get_log().shards
        for raw_id, subject in foreign.items():
            pipe.zadd(due_key(subject, shards=shards), {subject: due_at[raw_id]}, lt=True)
            pipe.zrem(due_key(raw_id, shards=shards), raw_id)
        pipe.execute()


def message_id(change: Change, event_name: str, segment_key: str, segment_version: int) -> str:
    """Return the id of one event: the same for the same subject, segment, version and moment, however often told."""
    parts = (change.person.subject, event_name, segment_key, str(segment_version), str(change.moment))
    return f"segment-{blake2b(chr(0).join(parts).encode(), digest_size=16).hexdigest()}"


def send_outbox(shards: Iterable[int]) -> int:
    """Append what waits in the outboxes to the log; return the number of events. Raises Unavailable.

    Killed in between, the same events are appended again, and the recorder counts a message id once.
    """
    client, sent = redis.client(), 0
    for shard in shards:
        name = f"{keys.OUTBOX}{shard}"
        while lines := _lines_of(name, OUTBOX_SIZE):
            rows = [orjson.loads(line) for line in lines]
            append_server_events([_server_event(**row) for row in rows])
            client.ltrim(name, len(rows), -1)
            sent += len(rows)
    return sent


def _lines_of(name: str, count: int) -> list[bytes]:
    """Return the first lines of an outbox; all of them with a count of 0."""
    lines: Any = redis.client().lrange(name, 0, count - 1)
    return list(lines)


def _server_event(*, message_id: str, name: str, at: int, subject: str, properties: dict[str, Any]) -> ServerEvent:
    kind, _, value = subject.partition(":")
    return ServerEvent(
        message_id=message_id,
        name=name,
        at=at,
        user_id=value if kind == "user" else None,
        anonymous_id=None if kind == "user" else value,
        properties=properties,
    )


def forget_outbox(subjects: Iterable[str]) -> int:
    """Remove what waits about these subjects; return the number removed."""
    client, erased, removed = redis.client(), set(subjects), 0
    for shard in range(get_log().shards):
        name = f"{keys.OUTBOX}{shard}"
        for line in _lines_of(name, 0):
            if orjson.loads(line)["subject"] in erased:
                removed += int(client.lrem(name, 0, line.decode()))
    return removed


def restore(events: Iterable[tuple[str, str, str, int]]) -> None:
    """Write memberships as the log tells them: event name, subject, segment key, time; for a replay, in order."""
    pipe = redis.client().pipeline(transaction=False)
    for event_name, subject, key, at in events:
        if event_name == SEGMENT_ENTERED.name:
            pipe.hset(f"{keys.SEGMENTS}{subject}", key, str(at))
            pipe.zadd(f"{keys.MEMBERS}{key}", {subject: at})
        else:
            pipe.hdel(f"{keys.SEGMENTS}{subject}", key)
            pipe.zrem(f"{keys.MEMBERS}{key}", subject)
    pipe.execute()


def _due(shards: Iterable[int], *, now: int, limit: int) -> dict[str, int]:
    """Return who is due with the time of the mark; nobody while profiles are rebuilt, for half of them is missing."""
    pipe = redis.client().pipeline(transaction=False)
    pipe.exists(keys.REBUILD)
    for shard in shards:
        pipe.zrangebyscore(f"{keys.DUE}{shard}", "-inf", now, start=0, num=limit, withscores=True)
    is_rebuild, *due = pipe.execute()
    return {} if is_rebuild else {raw_id.decode(): int(at) for rows in due for raw_id, at in rows}


def _drop_marks(due_at: Iterable[str]) -> None:
    pipe, shards = redis.client().pipeline(transaction=False), get_log().shards
    for raw_id in due_at:
        pipe.zrem(due_key(raw_id, shards=shards), raw_id)
    pipe.execute()


def _segments_of_merged(people: Iterable[Person]) -> dict[str, dict[str, int]]:
    """Return by subject the segments of ids that were somebody of their own before they became this person's."""
    others = [(person.subject, raw_id) for person in people for raw_id in person.ids if raw_id != person.subject]
    if not others:
        return {}
    pipe = redis.client().pipeline(transaction=False)
    for _, raw_id in others:
        pipe.hgetall(f"{keys.SEGMENTS}{raw_id}")
    merged: dict[str, dict[str, int]] = {}
    for (subject, _), stored in zip(others, pipe.execute(), strict=True):
        if stored:
            merged.setdefault(subject, {}).update({key.decode(): int(at) for key, at in stored.items()})
    return merged
