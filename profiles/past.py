"""A shopper as of an earlier offset of the log, from recorded events.

Live, scripts in Redis add up the same changes (`services`, `selectors`); here the same functions read the events, and
the same functions make a person of the states. A test compares both.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from common.clock import from_microseconds
from consents.subjects import raw_ids
from customers.identity import Claim, Link, user_at
from customers.selectors import identity_of
from events.links import links_of
from events.selectors import recorded_about
from events.types.base import Event
from profiles import attributes, history
from profiles.people import ALWAYS, RawState, Rows, attributes_of, history_of, is_anonymous
from profiles.selectors import MOST_IDS, Person
from profiles.services import Change, changes_of

BROWSED, LASTING, STATED = 1, 2, 5
"""The kinds of a change's rows."""
MOST_STEPS: Final = 8
"""How often more ids may be found through links."""


def person_at(*, user_id: str | None, anonymous_id: str | None, offset: int, now_us: int) -> Person:
    """Return the person of these ids as of an offset of the log; segments are left out.

    It is empty where the events are no longer recorded, for instance because the shopper was erased.
    """
    requested = tuple(raw_ids(user_id, anonymous_id))
    raw_ids_read, ids, links = set(requested), requested, list[Link]()
    events: list[Event] = []
    for _ in range(MOST_STEPS):
        raw_ids_read |= _joined_since(ids, now_us)
        events = recorded_about(raw_ids_read, until=offset)
        links = [link for event in events for link in links_of(event)]
        ids = _ids(user_id, anonymous_id, links, now_us)
        if raw_ids_read.issuperset(ids):
            break
        raw_ids_read.update(ids)
    return _person(ids, requested, events, links)


def _joined_since(ids: Iterable[str], now_us: int) -> set[str]:
    """Return the users that are joined with these by now: the event that joins two names one of them alone."""
    now = from_microseconds(now_us)
    users = {one for raw_id in ids if not is_anonymous(raw_id) for one in identity_of(raw_id, now=now).user_ids}
    return {f"user:{one}" for one in users}


def _ids(user_id: str | None, anonymous_id: str | None, links: list[Link], now_us: int) -> tuple[str, ...]:
    """Return the ids that a read of this person would have named, in its order."""
    claims = _claims(links)
    if not user_id and anonymous_id:
        user_id = user_at(claims.get(anonymous_id, ()), now_us)
    linked = _linked(links)
    ids = dict.fromkeys(raw_ids(user_id, anonymous_id))
    waiting = [raw_id for raw_id in ids if not is_anonymous(raw_id)]
    for user in waiting:
        newest_first = sorted(linked.get(user, {}).items(), key=lambda one: (one[1], one[0]), reverse=True)
        for other, _ in newest_first[: MOST_IDS + 1]:
            if other not in ids and len(ids) < MOST_IDS:
                ids[other] = None
                if not is_anonymous(other):
                    waiting.append(other)
    return tuple(ids)


def _claims(links: Iterable[Link]) -> dict[str, list[Claim]]:
    """Return the claims on each anonymous id; of those that many events make alike, the earliest."""
    first: dict[tuple[str, str, str], int] = {}
    for link in links:
        if link.kind == "claim":
            key = (link.from_id, link.message_id, link.user_id)
            first[key] = min(link.at, first.get(key, link.at))
    claims: dict[str, list[Claim]] = defaultdict(list)
    for (anonymous_id, message_id, user_id), at in first.items():
        claims[anonymous_id].append(Claim(at, message_id, user_id))
    return claims


def _linked(links: Iterable[Link]) -> dict[str, dict[str, int]]:
    """Return the raw ids that were linked to each user, with the latest time."""
    linked: dict[str, dict[str, int]] = defaultdict(dict)

    def join(user: str, other: str, at: int) -> None:
        linked[user][other] = max(at, linked[user].get(other, at))

    for link in links:
        user = f"user:{link.user_id}"
        if link.kind == "claim":
            join(user, f"anonymous:{link.from_id}", link.at)
        else:
            join(user, f"user:{link.from_id}", link.at)
            join(f"user:{link.from_id}", user, link.at)
    return linked


def _person(ids: tuple[str, ...], requested: tuple[str, ...], events: Iterable[Event], links: list[Link]) -> Person:
    changes, claims = changes_of(events), _claims(links)
    states = {raw_id: _state(raw_id, changes, claims) for raw_id in ids}
    users = frozenset(raw_id[5:] for raw_id in ids if not is_anonymous(raw_id))
    return Person(
        ids=ids,
        requested_ids=requested,
        subject=min((f"user:{one}" for one in users), default=requested[-1]),
        history=tuple(history.newest(history_of(states, users=users))),
        attributes=attributes.latest(attributes_of(states, users=users)),
    )


def _state(raw_id: str, changes: Mapping[str, Change], claims: Mapping[str, list[Claim]]) -> RawState:
    change = changes.get(raw_id, Change())
    refused_at = ALWAYS if change.refused_at is None else change.refused_at
    first: dict[tuple[int, bytes], int] = {}
    for kind, at, member in change.rows:
        if at > refused_at:
            first.setdefault((kind, member), at)
    rows = {kind: [(at, member) for (own, member), at in first.items() if own == kind] for kind in (BROWSED, LASTING)}
    stated = [member for kind, member in first if kind == STATED]
    return RawState(
        rows=[row for own in rows.values() for row in sorted(own)[-history.MAX_INTERACTIONS :]],
        attributes=_latest_of_each(stated),
        refused_at=refused_at,
        claims=tuple(sorted(claims.get(raw_id.removeprefix("anonymous:"), ()))) if is_anonymous(raw_id) else (),
    )


def _latest_of_each(stated: Iterable[bytes]) -> Rows:
    """Return the latest statement of each name, as Redis keeps it."""
    latest: dict[str, tuple[int, str, bytes]] = {}
    for member in stated:
        name, at, message_id = attributes.key_of(member)
        latest[name] = max((at, message_id, member), latest.get(name, (at, message_id, member)))
    return [(at, member) for at, _, member in latest.values()]
