"""Reads of segments: their definitions, their members, and the segments of one person."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from common import redis
from common.clock import from_microseconds
from common.errors import InvalidInput
from profiles import keys
from profiles.models import Segment, SegmentClustering, SegmentKind
from profiles.segments.online.clustering import Clustering
from profiles.segments.rules.parsing import parse
from profiles.segments.segment_set import ClusterSegment, RuleSegment, SegmentSet

CLUSTER_KEY: Final = "cluster-"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SegmentOfPerson:
    """One segment that a person is in."""

    key: str
    name: str
    since: datetime


def live_segments() -> SegmentSet:
    """Return the active segments. A rule that this code cannot read any more is left out, and logged."""
    rows = list(Segment.objects.filter(active=True))
    fit = SegmentClustering.objects.first()
    rules = [rule for row in rows if row.kind == SegmentKind.RULE and (rule := rule_segment(row)) is not None]
    if fit is None:
        return SegmentSet(tuple(rules))
    place = {key: at for at, key in enumerate(fit.keys)}
    clusters = [
        ClusterSegment(row.key, row.name, row.version, place[row.cluster]) for row in rows if row.cluster in place
    ]
    return SegmentSet(tuple(rules), tuple(clusters), Clustering.from_json(fit.state))


def rule_segment(row: Segment) -> RuleSegment | None:
    """Return the rule of a row, or None if it cannot be read."""
    try:
        return RuleSegment(row.key, row.name, row.version, parse(row.rule))
    except InvalidInput as error:
        log.warning("segment.unreadable segment=%s error=%s", row.key, error)
        return None


def active_keys() -> list[str]:
    """Return the keys of the active segments, in order."""
    return list(Segment.objects.filter(active=True).order_by("key").values_list("key", flat=True))


def segments_in_words(segments: dict[str, int]) -> list[SegmentOfPerson]:
    """Return the active ones of a person's segments, by name."""
    if not segments:
        return []
    rows = Segment.objects.filter(active=True, key__in=list(segments)).order_by("name")
    return [
        SegmentOfPerson(key, name, from_microseconds(segments[key])) for key, name in rows.values_list("key", "name")
    ]


def sizes(segment_keys: Iterable[str]) -> dict[str, int]:
    """Return the number of members of each segment. Raises redis errors."""
    names = list(segment_keys)
    pipe = redis.client().pipeline(transaction=False)
    for key in names:
        pipe.zcard(f"{keys.MEMBERS}{key}")
    return dict(zip(names, pipe.execute(), strict=True))


def newest_members(segment_key: str, *, limit: int, offset: int = 0) -> list[tuple[str, datetime]]:
    """Return subjects of a segment with the time of entering, the newest first. Raises redis errors."""
    rows: Any = redis.client().zrevrange(f"{keys.MEMBERS}{segment_key}", offset, offset + limit - 1, withscores=True)
    return [(subject.decode(), from_microseconds(int(at))) for subject, at in rows]


def random_subjects(count: int) -> tuple[list[str], int]:
    """Return distinct random raw ids that have a profile, and the number of all. Raises redis errors."""
    pipe = redis.client().pipeline(transaction=False)
    pipe.srandmember(keys.SUBJECTS, count)
    pipe.scard(keys.SUBJECTS)
    subjects, total = pipe.execute()
    return [subject.decode() for subject in subjects], int(total)


def titles() -> Sequence[tuple[str, str]]:
    """Return key and name of all segments, for choices and tables."""
    return list(Segment.objects.values_list("key", "name"))
