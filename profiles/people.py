"""From raw ids to a person: whose history counts, and since when. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from customers.identity import Claim, spans_of

Rows = list[tuple[int, bytes]]
ALWAYS = -(1 << 62)


@dataclass(frozen=True, slots=True)
class RawState:
    """What is kept of one raw id: rows (time, member), sayings (time, saying), the latest refusal, the claims."""

    rows: Rows = field(default_factory=list)
    said: Rows = field(default_factory=list)
    refused_at: int = ALWAYS
    claims: tuple[Claim, ...] = ()


def history_of(states: Mapping[str, RawState], *, users: frozenset[str]) -> Rows:
    """Return the rows that belong to the person of these users, or to the lone anonymous id when there are none.

    Of an anonymous id only the time counts in which it belonged to one of the users. A refusal ends everything before
    it, on all ids of the person; one made while a shared device belonged to somebody else is somebody else's.
    """
    return _owned({raw_id: (state, state.rows) for raw_id, state in states.items()}, users=users)


def said_of(states: Mapping[str, RawState], *, users: frozenset[str]) -> Rows:
    """Return what was said of the person, by the same rules as the history."""
    if not any(state.said for state in states.values()):
        return []
    return _owned({raw_id: (state, state.said) for raw_id, state in states.items()}, users=users)


def _owned(kept: Mapping[str, tuple[RawState, Rows]], *, users: frozenset[str]) -> Rows:
    states = {raw_id: state for raw_id, (state, _) in kept.items()}
    if not users:
        return [row for state, rows in kept.values() for row in rows if row[0] > state.refused_at]
    spans = {raw_id: spans_of(state.claims, users) for raw_id, state in states.items() if is_anonymous(raw_id)}
    refused_at = ALWAYS
    for raw_id, state in states.items():
        if not is_anonymous(raw_id) or any(state.refused_at in span for span in spans[raw_id]):
            refused_at = max(refused_at, state.refused_at)
    found: Rows = []
    for raw_id, (state, rows) in kept.items():
        since = max(refused_at, state.refused_at)
        if is_anonymous(raw_id):
            found += [row for row in rows if row[0] > since and any(row[0] in span for span in spans[raw_id])]
        else:
            found += [row for row in rows if row[0] > since]
    return found


def is_anonymous(raw_id: str) -> bool:
    """Return whether the raw id is a visitor's, not a user's."""
    return raw_id.startswith("anonymous:")
