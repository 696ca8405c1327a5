"""Reads of profiles: a whole person in one round trip."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any, Final

import orjson
from redis.exceptions import NoScriptError

from common import clock, redis
from consents import cache as mirror
from consents.state import ConsentState
from consents.subjects import raw_ids
from customers.identity import Claim
from events.types.base import Interaction
from profiles import attributes, history, keys
from profiles.people import ALWAYS, RawState, attributes_of, history_of, is_anonymous

MOST_IDS: Final = 64
"""Maximum of ids read for one person, those linked last first."""

READ: Final = f"""
local user, anonymous, now = ARGV[1], ARGV[2], ARGV[3]
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
local found = {{}}
for i = 1, #ids do
  local id = ids[i]
  local claims = {{}}
  if string.sub(id, 1, 10) == 'anonymous:' then
    claims = redis.call('ZRANGE', '{keys.CLAIMS}' .. string.sub(id, 11), 0, -1, 'WITHSCORES')
  end
  found[i] = {{
    id,
    redis.call('HGETALL', '{mirror.PREFIX}' .. id),
    redis.call('GET', '{keys.REFUSED}' .. id),
    redis.call('GET', '{keys.STATE}' .. id),
    redis.call('ZRANGE', '{keys.BROWSED}' .. id, 0, -1, 'WITHSCORES'),
    redis.call('ZRANGE', '{keys.LASTING}' .. id, 0, -1, 'WITHSCORES'),
    claims,
    redis.call('HVALS', '{keys.ATTRIBUTES}' .. id),
  }}
end
local others = {{}}
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
for i = 1, #ids do follow(found[i][2]) end
local at_other = 1
while others[at_other] do
  if string.sub(others[at_other][1], 1, 5) == 'user:' then follow(others[at_other][2]) end
  at_other = at_other + 1
end
local subject = 'anonymous:' .. anonymous
for i = 1, #users do
  if i == 1 or 'user:' .. users[i] < subject then subject = 'user:' .. users[i] end
end
local segments = redis.call('HGETALL', '{keys.SEGMENTS}' .. subject)
local config, catalog = redis.call('GET', '{redis.CONFIG_VERSION}'), redis.call('GET', '{redis.CATALOG_VERSION}')
return {{config, catalog, found, others, {{subject, segments}}}}
"""
READ_SHA: Final = sha1(READ.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Person:
    """One shopper. `ids` are raw ids, `requested_ids` those of the request.

    `history` is sorted by time, cut by identity and refusals.

    `attributes` holds the latest value of each name in `SHOPPER_ATTRIBUTES`. `consent_states` also holds ids linked by
    consents, and those of a linked user (`consents.person_of`).

    `epoch` grows with every change of consent and `version` with every change of history or links; together they are
    the key of cached answers. `config_version` and `catalog_version` tell a serving process whether its snapshot is
    current.

    `subject` is the raw id under which the person's segments are kept: the smallest user id, else the anonymous id.
    `segments` maps the key of each segment to the time of entering in microseconds.
    """

    ids: tuple[str, ...] = ()
    requested_ids: tuple[str, ...] = ()
    history: tuple[Interaction, ...] = ()
    consent_states: dict[str, ConsentState] = field(default_factory=dict)
    epoch: int = 0
    version: int = 0
    config_version: int = 0
    catalog_version: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)
    subject: str = ""
    segments: dict[str, int] = field(default_factory=dict)


def read_person(*, user_id: str | None = None, anonymous_id: str | None = None) -> Person:
    """Return the person of these ids in one round trip. Raises redis errors."""
    client, arguments = redis.client(), (user_id or "", anonymous_id or "", clock.epoch_us())
    try:
        answer: Any = client.evalsha(READ_SHA, 0, *arguments)
    except NoScriptError:
        answer = client.eval(READ, 0, *arguments)
    return _person(answer, user_id, anonymous_id)


def read_people(subjects: Sequence[str]) -> list[Person]:
    """Return the person of each raw id, in one round trip for all. Raises redis errors."""
    pipe, now = redis.client().pipeline(transaction=False), clock.epoch_us()
    pipe.script_load(READ)  # a restarted server knows no script
    named = [_ids_of(subject) for subject in subjects]
    for user_id, anonymous_id in named:
        pipe.evalsha(READ_SHA, 0, user_id or "", anonymous_id or "", now)
    return [_person(answer, *ids) for answer, ids in zip(pipe.execute()[1:], named, strict=True)]


def _ids_of(subject: str) -> tuple[str | None, str | None]:
    kind, _, value = subject.partition(":")
    return (value, None) if kind == "user" else (None, value)


def _person(answer: Any, user_id: str | None, anonymous_id: str | None) -> Person:
    config, catalog, id_rows, others, (subject, segments) = answer
    consents = {row[0].decode(): mirror.parse(_paired(row[1])) for row in (*id_rows, *others)}
    ids = tuple(row[0].decode() for row in id_rows)
    states = {raw_id: _raw_state(row) for raw_id, row in zip(ids, id_rows, strict=True)}
    users = frozenset(raw_id[5:] for raw_id in ids if not is_anonymous(raw_id))
    rows = history_of(states, users=users)
    return Person(
        ids=ids,
        requested_ids=tuple(raw_ids(user_id, anonymous_id)),
        history=tuple(history.newest(rows)),
        consent_states=consents,
        epoch=sum(state.epoch for state in consents.values()),
        version=sum(int(row[3] or 0) for row in id_rows),
        config_version=int(config or 0),
        catalog_version=int(catalog or 0),
        attributes=attributes.latest(attributes_of(states, users=users)),
        subject=subject.decode(),
        segments={key.decode(): int(since) for key, since in _paired(segments).items()},
    )


def _raw_state(row: list[Any]) -> RawState:
    _, _, refused, _, browsed, lasting, claims, attribute_members = row
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
