"""Which units new events, new links and erasures are about, with all ids of each."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection

from customers.selectors import claimants_of, claims_of, roots_of_joined
from events.relations import NEW, OWNERS, SINCE


@dataclass(frozen=True, slots=True)
class ChangedIds:
    """Ids that events name; `exposed` are those as raw ids that an exposure names."""

    users: Set[str] = frozenset()
    visitors: Set[str] = frozenset()
    exposed: Set[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Units:
    """Units with their ids. `ids` maps a unit to raw ids that are or may be its own; `roots` are of joined users."""

    ids: Mapping[str, Set[str]] = field(default_factory=dict)
    roots: Mapping[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> set[str]:
        """All keys under which rows of these units may stand: those of today, and of single ids before a link."""
        return {*self.ids, *(raw_id for many in self.ids.values() for raw_id in many)}


LOWEST: Final = -(2**63)


def touched_by(after: Mapping[int, int], upto: Mapping[int, int]) -> ChangedIds:
    """Return whom the events of these parts of the log are about, and whose orders they name."""
    shards = sorted(after)
    values: dict[str, Any] = {
        "shards": shards,
        "after": [after[shard] for shard in shards],
        "upto": [upto[shard] for shard in shards],
        "least": min(after.values(), default=LOWEST),
        "most": max(upto.values(), default=LOWEST),
    }
    users: set[str] = set()
    visitors: set[str] = set()
    exposed: set[str] = set()
    orders: set[str] = set()
    updated: set[str] = set()
    with connection.cursor() as cursor:
        cursor.execute(NEW, values)
        for user, visitor, previous, order, is_update, is_exposure in cursor:
            users |= {one for one in (user, previous) if one is not None}
            visitors |= {one for one in (visitor, previous) if one is not None}
            if is_exposure:
                exposed.add(f"user:{user}" if user is not None else f"anonymous:{visitor}")
            if order is not None:
                orders.add(order)
            if order is not None and is_update:
                updated.add(order)
        if orders:
            cursor.execute(OWNERS, {"orders": sorted(orders), "updated": sorted(updated)})
            for user, visitor in cursor:
                users |= {user} - {None}
                visitors |= {visitor} - {None}
    return ChangedIds(users, visitors, exposed)


def touched_since(moment: datetime) -> ChangedIds:
    """Return whom the events after a moment are about."""
    with connection.cursor() as cursor:
        cursor.execute(SINCE, {"since": moment})
        rows = cursor.fetchall()
    users, visitors = ({row[place] for row in rows} - {None} for place in (0, 1))
    return ChangedIds(users, visitors, {f"user:{one}" for one in users} | {f"anonymous:{one}" for one in visitors})


def units_of(changed: ChangedIds) -> Units:
    """Return the units of some ids as the links stand now.

    An anonymous id that several users claimed belongs to each of them in its time, so all of them are changed.
    """
    users = {*changed.users, *claimants_of(changed.visitors)}
    roots = roots_of_joined(users)
    members: dict[str, set[str]] = defaultdict(set)
    for user, root in roots.items():
        members[root].add(user)
    ids: dict[str, set[str]] = {f"user:{roots.get(user, user)}": set() for user in users}
    for unit in ids:
        root = unit.removeprefix("user:")
        ids[unit] = {f"user:{one}" for one in members.get(root, {root})}
    _add_visitors(ids, roots)
    for visitor in changed.visitors:
        ids.setdefault(f"anonymous:{visitor}", set()).add(f"anonymous:{visitor}")
    return Units(ids, roots)


def ids_of_kind(raw_ids: Iterable[str], kind: str) -> list[str]:
    """Return the ids of one kind (`user`, `anonymous`) without it."""
    prefix = f"{kind}:"
    return sorted({raw_id.removeprefix(prefix) for raw_id in raw_ids if raw_id.startswith(prefix)})


def _add_visitors(ids: dict[str, set[str]], roots: Mapping[str, str]) -> None:
    """Add the anonymous ids that the users of each unit claimed."""
    for user, visitor in claims_of(ids_of_kind((one for many in ids.values() for one in many), "user")):
        ids[f"user:{roots.get(user, user)}"].add(f"anonymous:{visitor}")
