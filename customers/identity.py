"""Which ids are one person. Pure: claims and joins in, persons out; the order of arrival does not matter.

An anonymous id belongs at any moment to the user of the latest claim before it; message ids break ties. Each `identify`
claims, and the first of the other events that name both ids. What a browser does not prove is no claim here.
Its history before the first claim belongs to the first claimer. A claim never joins two users, so that a shared device
does not merge accounts; only a join (`alias`) does.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Link:
    """A link made by an event; `from_id` is an anonymous id (claim) or a previous user id (join)."""

    kind: Literal["claim", "join"]
    from_id: str
    user_id: str
    at: int
    message_id: str


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """From `at` (microseconds) on, an anonymous id belongs to `user_id`."""

    at: int
    message_id: str
    user_id: str


def user_at(claims: Iterable[Claim], at: int) -> str | None:
    """Return the user an anonymous id belonged to at a moment, or None if nobody ever claimed it."""
    ordered = sorted(claims)
    if not ordered:
        return None
    before = [claim for claim in ordered if claim.at <= at]
    return (before[-1] if before else ordered[0]).user_id


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open time in microseconds in which an anonymous id belonged to one user; None is without end."""

    since: int | None
    until: int | None

    def __contains__(self, at: int) -> bool:
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


def spans_of(claims: Iterable[Claim], users: frozenset[str]) -> tuple[Span, ...]:
    """Return when an anonymous id belonged to any of these users, in order; adjacent spans are merged."""
    ordered = sorted(claims)
    spans: list[Span] = []
    for index, claim in enumerate(ordered):
        if claim.user_id in users:
            since = None if index == 0 else claim.at
            until = ordered[index + 1].at if index + 1 < len(ordered) else None
            if spans and spans[-1].until == since:
                spans[-1] = Span(spans[-1].since, until)
            else:
                spans.append(Span(since, until))
    return tuple(spans)


@dataclass(slots=True)
class People:
    """All links of the shop, which resolve an event to its person. Filled with `claim` and `join`, in any order."""

    _claims: dict[str, list[Claim]] = field(default_factory=lambda: defaultdict(list))
    _parents: dict[str, str] = field(default_factory=dict)
    _sorted: set[str] = field(default_factory=set)

    def claim(self, anonymous_id: str, claim: Claim) -> None:
        """Add an identify of a user on an anonymous id."""
        self._claims[anonymous_id].append(claim)
        self._sorted.discard(anonymous_id)

    def join(self, one: str, other: str) -> None:
        """Add that two user ids are one person."""
        low, high = sorted((self._root(one), self._root(other)))
        if low != high:
            self._parents[high] = low

    def person(self, *, user_id: str | None, anonymous_id: str | None, at: int) -> str:
        """Return the key of the person of an event at that time: `user:ID` or `anonymous:ID`.

        The key of joined users is the smallest user id, in whatever order they were joined.
        """
        owner = user_id or self._owner(anonymous_id, at)
        return f"user:{self._root(owner)}" if owner else f"anonymous:{anonymous_id}"

    def _owner(self, anonymous_id: str | None, at: int) -> str | None:
        claims = self._claims.get(anonymous_id or "")
        if not claims or anonymous_id is None:
            return None
        if anonymous_id not in self._sorted:
            claims.sort()
            self._sorted.add(anonymous_id)
        index = bisect_right(claims, at, key=lambda claim: claim.at)
        return claims[max(0, index - 1)].user_id

    def _root(self, user_id: str) -> str:
        while (parent := self._parents.get(user_id)) is not None:
            user_id = parent
        return user_id


def component(user_id: str, joins: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Return all users joined with this one, directly or through others."""
    users, waiting = {user_id}, [user_id]
    while waiting:
        for other in joins.get(waiting.pop(), ()):
            if other not in users:
                users.add(other)
                waiting.append(other)
    return frozenset(users)
