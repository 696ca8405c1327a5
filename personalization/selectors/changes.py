"""What was changed about a placement: itself, the rules that apply to it, and when their windows begin and end."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from audit.selectors import Entry, entries
from common import clock
from personalization.selectors.rules import rules_of, versions_of

MOST: Final = 500
"""How many of the latest audited changes are looked through."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change in words: `“Winter sale” switched on`; who did it, "" for a date; and its rule, if it has one."""

    at: datetime
    what: str
    actor: str = ""
    rule_id: int | None = None


def changes_of(placement: str, *, since: datetime) -> list[Change]:
    """Return the changes of a placement, earliest first. Those that are planned are left out."""
    rules = {f"rule:{pk}" for pk in versions_of(placement).values_list("rule_id", flat=True)}
    changes = [
        Change(
            one.at,
            f"“{one.data.get('name', one.object)}” {_verb(one)}",
            one.actor,
            int(one.object.removeprefix("rule:")),
        )
        for one in entries(category="rule", since=since, limit=MOST)
        if one.object in rules
    ]
    changes += [
        Change(one.at, f"Placement {_verb(one)}", one.actor)
        for one in entries(object=f"placement:{placement}", since=since, limit=MOST)
    ]
    return sorted([*changes, *_windows(placement, since)], key=lambda one: one.at)


def _windows(placement: str, since: datetime) -> list[Change]:
    now, changes = clock.now(), []
    for rule in rules_of(placement).filter(active=True):
        assert rule.current is not None
        for at, verb in ((rule.current.starts_at, "begins"), (rule.current.ends_at, "ends")):
            if at is not None and since <= at <= now:
                changes.append(Change(at, f"“{rule.name}” {verb}", rule_id=rule.pk))
    return changes


def _verb(entry: Entry) -> str:
    return entry.action.partition(".")[2].replace("_", " ")
