"""The segments of one shopper, each with why, for the shopper's own page."""

from dataclasses import dataclass
from datetime import datetime

from common.clock import from_microseconds
from profiles.models import Segment, SegmentKind
from profiles.segments.rules.wording import sentence
from profiles.selectors import Person
from profiles.selectors.segments import rule_segment
from profiles.shopper_states import is_allowed


@dataclass(frozen=True, slots=True)
class OwnSegment:
    """A segment that a shopper is in. `why` is its rule, or what its members have in common."""

    name: str
    since: datetime
    why: str
    by_likeness: bool


def own_segments(person: Person) -> list[OwnSegment]:
    """Return the active segments of a person, by name; none of one who does not allow personalization."""
    if not person.segments or not is_allowed(person):
        return []
    rows = Segment.objects.filter(active=True, key__in=list(person.segments)).order_by("name")
    return [
        OwnSegment(row.name, from_microseconds(person.segments[row.key]), _why(row), row.kind != SegmentKind.RULE)
        for row in rows
    ]


def _why(row: Segment) -> str:
    if row.kind != SegmentKind.RULE:
        return row.description
    rule = rule_segment(row)
    return sentence(rule.rule) if rule is not None else ""
