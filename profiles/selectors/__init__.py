"""Reads of profiles: a whole person in one round trip."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from common import clock, redis
from consents import cache as mirror
from consents.state import ConsentState
from consents.subjects import raw_ids
from customers.identity import Claim
from events.log.latest import LATEST, MOST, position_of
from events.types.base import Interaction
from profiles import attributes, history, keys
from profiles.people import ALWAYS, RawState, attributes_of, history_of, is_anonymous

MOST_IDS: Final = 64
"""Maximum of ids read for one person, those linked last first."""

READ: Final = redis.Script(f"""
local user, anonymous, now, known_print = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local ids, known, users = {{}}, {{}}, {{}}
local function add(id)
  if known[id] or #ids >= {MOST_IDS} then return end
  known[id] = true
  ids[#ids + 1] = id
  if string.sub(id, 1, 5) == 'user:' then users[#users + 1] = string.sub(id, 6) end
end
if user == '' and anonymous ~= '' then
  local claims = '{keys.CLAIMS}' .. anonymous
  local latest = redis.call('ZREVRANGEBYSCORE', claims, now, '-inf', 'LIMIT', 0, 1)
  if #latest == 0 then latest = redis.call('ZRANGE', claims, 0, 0) end
  if #latest > 0 then user = string.sub(latest[1], string.find(latest[1], '\\0', 1, true) + 1) end
end
if user ~= '' then add('user:' .. user) end
if anonymous ~= '' then add('anonymous:' .. anonymous) end
local at = 1
while users[at] do
  local linked = redis.call('ZREVRANGE', '{keys.LINKED}' .. users[at], 0, {MOST_IDS})
  for i = 1, #linked do add(linked[i]) end
  at = at + 1
end
local states, others = {{}}, {{}}
for i = 1, #ids do
  local id = ids[i]
  local claims = {{}}
  if string.sub(id, 1, 10) == 'anonymous:' then
    claims = redis.call('ZRANGE', '{keys.CLAIMS}' .. string.sub(id, 11), 0, -1, 'WITHSCORES')
  end
  states[i] = {{
    id,
    redis.call('HGETALL', '{mirror.PREFIX}' .. id),
    redis.call('GET', '{keys.REFUSED}' .. id),
    redis.call('GET', '{keys.STATE}' .. id),
    claims,
  }}
end
local function follow(hash)
  for j = 1, #hash, 2 do
    if string.sub(hash[j], 1, {len(mirror.LINK)}) == '{mirror.LINK}' then
      local id = string.sub(hash[j], {len(mirror.LINK) + 1})
      if not known[id] and #others < {MOST_IDS} then
        known[id] = true
        others[#others + 1] = {{id, redis.call('HGETALL', '{mirror.PREFIX}' .. id)}}
      end
    end
  end
end
for i = 1, #ids do follow(states[i][2]) end
local at_other = 1
while others[at_other] do
  if string.sub(others[at_other][1], 1, 5) == 'user:' then follow(others[at_other][2]) end
  at_other = at_other + 1
end
local newest = {{}}
for i = 1, #ids do
  newest[2 * i - 1] = redis.call('ZRANGE', '{keys.BROWSED}' .. ids[i], -1, -1, 'WITHSCORES')
  newest[2 * i] = redis.call('ZRANGE', '{keys.LASTING}' .. ids[i], -1, -1, 'WITHSCORES')
end
local subject = 'anonymous:' .. anonymous
for i = 1, #users do
  if i == 1 or 'user:' .. users[i] < subject then subject = 'user:' .. users[i] end
end
local segments = redis.call('HGETALL', '{keys.SEGMENTS}' .. subject)
local print = redis.sha1hex(cmsgpack.pack({{states, others, newest, subject, segments}}))
local versions = redis.call('MGET', '{redis.CONFIG_VERSION}', '{redis.CATALOG_VERSION}')
local latest = {{}}
for i = 1, #ids do
  local own = redis.call('LRANGE', '{LATEST}' .. ids[i], -{MOST}, -1)
  for j = 1, #own do latest[#latest + 1] = own[j] end
end
local offsets = redis.call('HGETALL', '{keys.OFFSETS}')
local head = {{versions[1], versions[2], print, latest, offsets}}
if print == known_print then return {{head}} end
local rows = {{}}
for i = 1, #ids do
  rows[i] = {{
    redis.call('ZRANGE', '{keys.BROWSED}' .. ids[i], 0, -1, 'WITHSCORES'),
    redis.call('ZRANGE', '{keys.LASTING}' .. ids[i], 0, -1, 'WITHSCORES'),
    redis.call('HVALS', '{keys.ATTRIBUTES}' .. ids[i]),
  }}
end
return {{head, states, others, rows, {{subject, segments}}}}
""")
"""Reads a person. The fingerprint covers consents, links, claims and segments, and of the history its number of changes
and its newest rows, which differ where Redis lost its data and the profiles were rebuilt. A caller that names the
present fingerprint gets no history again. `latest` names the newest entries of the log about these ids, `offsets` how
far the profiles have read it."""


@dataclass(frozen=True, slots=True)
class Person:
    """One shopper. `ids` are raw ids, `requested_ids` those of the request.

    `history` is sorted by time, cut by identity and refusals.

    `attributes` holds the latest value of each name in `SHOPPER_ATTRIBUTES`. `consent_states` also holds ids linked by
    consents, and those of a linked user (`consents.person_of`).

    `version` grows with every change of history.

    `subject` is the raw id under which the person's segments are kept: the smallest user id, else the anonymous id.
    `segments` maps the key of each segment to the time of entering in microseconds. `catalog_version` is the count of
    catalog changes at the time of the read.
    """

    ids: tuple[str, ...] = ()
    requested_ids: tuple[str, ...] = ()
    history: tuple[Interaction, ...] = ()
    consent_states: dict[str, ConsentState] = field(default_factory=dict)
    version: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)
    subject: str = ""
    segments: dict[str, int] = field(default_factory=dict)
    catalog_version: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class PersonRead:
    """One read of a person; `person` is None if the fingerprint is still the one that the caller knew.

    Equal fingerprints mean equal persons. `config_version` and `catalog_version` tell a serving process whether its
    snapshot is current. `pending` names the log's entries about these ids that no profile holds yet.
    """

    fingerprint: bytes
    config_version: int
    catalog_version: int
    person: Person | None
    pending: frozenset[bytes] = frozenset()
    offset: int = 0
    """The largest offset of the log that was read: every entry about these ids up to it is known, once none is pending.
    An offset begins with the time of the log's server, so one number does for all shards."""


def read_person(*, user_id: str | None = None, anonymous_id: str | None = None) -> Person:
    """Return the person of these ids in one round trip. Raises redis errors."""
    answer = READ.run(arguments=_arguments(user_id, anonymous_id, b""))
    return _person(answer, user_id=user_id, anonymous_id=anonymous_id)


def read_people(subjects: Sequence[str]) -> list[Person]:
    """Return the person of each raw id, in one round trip for all. Raises redis errors."""
    ids = [_ids_of(subject) for subject in subjects]
    calls = [person_call(user_id=user_id, anonymous_id=anonymous_id) for user_id, anonymous_id in ids]
    answers = redis.run_scripts(*calls) if calls else []
    return [
        _person(answer, user_id=user_id, anonymous_id=anonymous_id)
        for answer, (user_id, anonymous_id) in zip(answers, ids, strict=True)
    ]


def _ids_of(subject: str) -> tuple[str | None, str | None]:
    kind, _, value = subject.partition(":")
    return (value, None) if kind == "user" else (None, value)


def person_call(*, user_id: str | None, anonymous_id: str | None, fingerprint: bytes = b"") -> redis.ScriptCall:
    """Return the call that reads a person, for a round trip with others; `person_read` reads its answer."""
    return READ.call(arguments=_arguments(user_id, anonymous_id, fingerprint))


def person_read(answer: Any, *, user_id: str | None, anonymous_id: str | None) -> PersonRead:
    """Return what `person_call` of the same ids read."""
    (config, catalog, fingerprint, latest, offsets), *rest = answer
    person = _person(answer, user_id=user_id, anonymous_id=anonymous_id) if rest else None
    positions = {one: position_of(one) for one in latest}
    applied = {int(shard): int(offset) for shard, offset in _paired(offsets).items()}
    pending = frozenset(one for one, (shard, offset) in positions.items() if offset > applied.get(shard, 0))
    read_to = max((*applied.values(), *(offset for _, offset in positions.values())), default=0)
    return PersonRead(fingerprint, int(config or 0), int(catalog or 0), person, pending, read_to)


def _arguments(user_id: str | None, anonymous_id: str | None, fingerprint: bytes) -> tuple[Any, ...]:
    return user_id or "", anonymous_id or "", clock.epoch_us(), fingerprint


def _person(answer: Any, *, user_id: str | None, anonymous_id: str | None) -> Person:
    head, id_rows, others, histories, (subject, segments) = answer
    consents = {row[0].decode(): mirror.parse(_paired(row[1])) for row in (*id_rows, *others)}
    ids = tuple(row[0].decode() for row in id_rows)
    states = {
        raw_id: _raw_state(row, history_rows) for raw_id, row, history_rows in zip(ids, id_rows, histories, strict=True)
    }
    users = frozenset(raw_id[5:] for raw_id in ids if not is_anonymous(raw_id))
    rows = history_of(states, users=users)
    return Person(
        ids=ids,
        requested_ids=tuple(raw_ids(user_id, anonymous_id)),
        history=tuple(history.newest(rows)),
        consent_states=consents,
        version=sum(int(row[3] or 0) for row in id_rows),
        attributes=attributes.latest(attributes_of(states, users=users)),
        subject=subject.decode(),
        segments={key.decode(): int(since) for key, since in _paired(segments).items()},
        catalog_version=int(head[1] or 0),
    )


def _raw_state(row: list[Any], history_rows: list[Any]) -> RawState:
    _, _, refused, _, claims = row
    browsed, lasting, attribute_members = history_rows
    return RawState(
        rows=_scored(browsed) + _scored(lasting),
        attributes=attributes.rows_of(attribute_members),
        refused_at=int(refused) if refused else ALWAYS,
        claims=tuple(_claim(member, at) for at, member in _scored(claims)),
    )


def _claim(member: bytes, at: int) -> Claim:
    message_id, _, user_id = member.decode().partition("\0")
    return Claim(at, message_id, user_id)


def _scored(flat: list[bytes]) -> list[tuple[int, bytes]]:
    # Scores are whole microseconds below 2**53, so the double that Redis keeps is exact. One parse for all is faster.
    times: list[int | float] = orjson.loads(b"[" + b",".join(flat[1::2]) + b"]")
    return list(zip(map(int, times), flat[::2], strict=True))


def _paired(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
