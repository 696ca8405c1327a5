"""From raw ids to a person: whose history counts, and since when. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from customers.identity import Claim, spans_of

Rows = list[tuple[int, bytes]]
ALWAYS = -(1 << 62)


@dataclass(frozen=True, slots=True)
class RawState:
    """State of one raw id: rows (time, member), attributes (time, member), the latest refusal, the claims."""

    rows: Rows = field(default_factory=list)
    attributes: Rows = field(default_factory=list)
    refused_at: int = ALWAYS
    claims: tuple[Claim, ...] = ()


def history_of(states: Mapping[str, RawState], *, users: frozenset[str]) -> Rows:
    """Return the rows of the person of these users, or of the single anonymous id without users.

    Of an anonymous id only the time counts in which it belonged to one of the users. A refusal removes everything
    before it on all ids of the person, unless a shared device belonged to somebody else at that time.
    """
    return _rows_of_person(states, lambda state: state.rows, users=users)


def attributes_of(states: Mapping[str, RawState], *, users: frozenset[str]) -> Rows:
    """Return the attributes of the person, by the same rules as the history."""
    if not any(state.attributes for state in states.values()):
        return []
    return _rows_of_person(states, lambda state: state.attributes, users=users)


def _rows_of_person(
    states: Mapping[str, RawState], rows_of: Callable[[RawState], Rows], *, users: frozenset[str]
) -> Rows:
    if not users:
        return [row for state in states.values() for row in rows_of(state) if row[0] > state.refused_at]
    spans = {raw_id: spans_of(state.claims, users) for raw_id, state in states.items() if is_anonymous(raw_id)}
    refused_at = ALWAYS
    for raw_id, state in states.items():
        if not is_anonymous(raw_id) or any(state.refused_at in span for span in spans[raw_id]):
            refused_at = max(refused_at, state.refused_at)
    result: Rows = []
    for raw_id, state in states.items():
        since, rows = max(refused_at, state.refused_at), rows_of(state)
        if is_anonymous(raw_id):
            result += [row for row in rows if row[0] > since and any(row[0] in span for span in spans[raw_id])]
        else:
            result += [row for row in rows if row[0] > since]
    return result


def is_anonymous(raw_id: str) -> bool:
    """Return whether the raw id is a visitor's, not a user's."""
    return raw_id.startswith("anonymous:")
