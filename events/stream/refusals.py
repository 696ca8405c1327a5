"""Refused requests of a day, counted by key and problem; no body and no id is kept."""

import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import date
from typing import Any, Final, Self

import orjson

from access.keys import masked
from common import clock, redis
from common.problems import printable

PREFIX: Final = "v:refused:"
KEEP_SECONDS: Final = 2 * 86_400
MOST_GROUPS: Final = 500
"""Groups of a day; what comes after them counts as one more, so that no sender can fill Redis."""
ADD: Final = redis.Script("""
for i = 3, #ARGV, 2 do
  local name = ARGV[i]
  if redis.call('HEXISTS', KEYS[1], name) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[1]) then
    name = 'more'
  end
  redis.call('HINCRBY', KEYS[1], name, ARGV[i + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
""")
PERSONAL: Final = re.compile(r"\b(user|anonymous):[^\s,;]+|[^\s@]+@[^\s@]+")
"""What a problem text may quote of a shopper: a subject, or an address."""
POSITION: Final = re.compile(r"(?<=\.)\d+(?=\.)")


@dataclass(frozen=True, slots=True)
class Refusal:
    """One kind of refusal: whose key, which answer, where, why, and from which web origin."""

    source: str
    status: int
    route: str
    problem: str
    origin: str = ""

    @classmethod
    def of(cls, *, source: str, status: int, route: str, problem: str, origin: str) -> Self:
        """Return the kind, without keys, ids and positions in the problem."""
        text = POSITION.sub("N", PERSONAL.sub("…", masked(problem)))
        return cls(source=source, status=status, route=route[:100], problem=text[:200], origin=printable(origin[:100]))


def add(counts: Mapping[Refusal, int]) -> None:
    """Add counts to today's. Raises redis errors."""
    arguments: list[Any] = [MOST_GROUPS, KEEP_SECONDS]
    for refusal, count in counts.items():
        arguments += [orjson.dumps(astuple(refusal)), count]
    ADD.run([f"{PREFIX}{clock.now().date().isoformat()}"], arguments)


def of_day(day: date) -> list[tuple[Refusal, int]]:
    """Return the day's refusals with their counts, the most frequent first. Raises redis errors."""
    groups: Any = redis.client().hgetall(f"{PREFIX}{day.isoformat()}")
    counted = [(_refusal(name), int(count)) for name, count in groups.items()]
    return sorted(counted, key=lambda pair: -pair[1])


def _refusal(name: bytes) -> Refusal:
    if name == b"more":
        return Refusal(source="", status=0, route="", problem="of further kinds")
    return Refusal(*orjson.loads(name))
