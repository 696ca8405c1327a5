"""A quick read of many shoppers for scans: those of one id, which most are. The others are left to `read_people`.

Gives the same history, attributes and consent as `read_person`; a test compares them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any, Final

import orjson

from common import clock, redis
from consents import cache
from consents.person import person_of
from consents.selectors import rule_of, terms
from consents.state import GPC
from events.types.base import Interaction
from profiles import attributes, history, keys
from profiles.segments.rules.necessary import Minimum

PURPOSE: Final = "personalization"
IN_A_SCRIPT: Final = 100
"""Shoppers read by one script: Redis serves nobody else while it runs, a few milliseconds."""

READ_PLAIN: Final = f"""
local result, last = {{}}, 2 + 3 * tonumber(ARGV[2])
local function may_meet(id)
  for i = 3, last, 3 do
    if redis.call('ZCOUNT', ARGV[i] .. id, ARGV[i + 1], '+inf') < tonumber(ARGV[i + 2]) then return false end
  end
  return true
end
for i = last + 1, #ARGV do
  local id, at = ARGV[i], i - last
  local links
  if string.sub(id, 1, 5) == 'user:' then links = '{keys.LINKED}' .. string.sub(id, 6)
  else links = '{keys.CLAIMS}' .. string.sub(id, 11) end
  local consents = redis.call('HGETALL', '{cache.PREFIX}' .. id)
  local is_plain = redis.call('EXISTS', links) == 0
  for j = 1, #consents, 2 do
    if string.sub(consents[j], 1, {len(cache.LINK)}) == '{cache.LINK}' then is_plain = false end
  end
  if is_plain and not may_meet(id) then
    result[at] = 1
  elseif is_plain then
    result[at] = {{
      consents,
      redis.call('ZRANGE', '{keys.BROWSED}' .. id, 0, -1, 'WITHSCORES'),
      redis.call('ZRANGE', '{keys.LASTING}' .. id, 0, -1, 'WITHSCORES'),
      ARGV[1] == '1' and redis.call('HVALS', '{keys.ATTRIBUTES}' .. id) or {{}},
    }}
  else
    result[at] = 0
  end
end
return result
"""
READ_PLAIN_SHA: Final = sha1(READ_PLAIN.encode()).hexdigest()


@dataclass(slots=True)
class PlainPerson:
    """What segments need of a shopper of one id; nothing of one who does not allow personalization."""

    history: list[Interaction]
    attributes: dict[str, Any]


@dataclass(slots=True)
class PlainReader:
    """Reads shoppers; remembers the verdict on the few different decisions that there are.

    Of a shopper who fails one of the `minima` nothing is read: an empty one is returned.
    """

    with_attributes: bool = True
    minima: tuple[Minimum, ...] = ()
    _verdicts: dict[tuple[bytes, bytes], bool] = field(default_factory=dict)

    def read(self, subjects: Sequence[str]) -> list[PlainPerson | None]:
        """Return each shopper in one round trip; None for one with links to other ids. Raises redis errors."""
        pipe = redis.client().pipeline(transaction=False)
        pipe.script_load(READ_PLAIN)  # a restarted server knows no script
        arguments = ("1" if self.with_attributes else "0", len(self.minima), *self._minima_arguments())
        for first in range(0, len(subjects), IN_A_SCRIPT):
            pipe.evalsha(READ_PLAIN_SHA, 0, *arguments, *subjects[first : first + IN_A_SCRIPT])
        rows = [row for answer in pipe.execute()[1:] for row in answer]
        people: list[PlainPerson | None] = []
        for raw_id, row in zip(subjects, rows, strict=True):
            people.append(None if row == 0 else PlainPerson([], {}) if row == 1 else self._person(raw_id, row))
        return people

    def _minima_arguments(self) -> list[str]:
        now = clock.epoch_us()
        return [
            part
            for one in self.minima
            for part in (
                keys.LASTING if one.is_lasting else keys.BROWSED,
                "-inf" if one.window is None else f"({now - one.window}",
                str(one.times),
            )
        ]

    def _person(self, raw_id: str, row: list[list[bytes]]) -> PlainPerson:
        consents, browsed, lasting, stated = row
        if not self._is_allowed(raw_id, consents):
            return PlainPerson([], {})
        pairs = [(int(at), one) for one, at in zip(browsed[::2], browsed[1::2], strict=True)]
        pairs += [(int(at), one) for one, at in zip(lasting[::2], lasting[1::2], strict=True)]
        values = attributes.latest([(orjson.loads(one)[1], one) for one in stated]) if stated else {}
        return PlainPerson(history.newest(pairs) if pairs else [], values)

    def _is_allowed(self, raw_id: str, consents: list[bytes]) -> bool:
        stored = dict(zip(consents[::2], consents[1::2], strict=True))
        decision, region = stored.get(PURPOSE.encode(), b""), stored.get(b"region", b"")
        if GPC.encode() in stored:
            return _verdict(raw_id, stored)
        # Without Global Privacy Control, times decide nothing about one id alone.
        key = (decision[:1], region)
        if (verdict := self._verdicts.get(key)) is None:
            verdict = self._verdicts[key] = _verdict(raw_id, stored)
        return verdict


def _verdict(raw_id: str, stored: dict[bytes, bytes]) -> bool:
    whom = person_of([raw_id], {raw_id: cache.parse(stored)})
    return whom.verdict(terms().get(PURPOSE), rule=rule_of(whom.region)).allowed
