"""Reads for the explorer of segments: sizes over time, flows, what differs, and a map."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
from django.db.models import Sum

from common import clock, redis
from profiles import keys
from profiles.models import Segment, SegmentClustering, SegmentCount, SegmentFlow, SegmentJob
from profiles.segments.online.clustering import Clustering
from profiles.segments.online.description import Difference
from profiles.segments.online.features import FEATURES, NEEDED_TRAITS, Feature, Rows, vector
from profiles.segments.online.projection import plane
from profiles.segments.online.scale import Scale
from profiles.selectors import Person, read_people
from profiles.selectors.segments import random_subjects, sizes
from profiles.shopper_states import ProductCache, states_of

DAYS: Final = 30
SAMPLE: Final = 400
"""Shoppers compared on a page, of a segment and of all."""
MAP_SAMPLE: Final = 600


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """One segment with its size now, and that of a day ago if it was counted then."""

    key: str
    name: str
    kind: str
    description: str
    active: bool
    pk: int
    members: int
    a_day_ago: int | None

    @property
    def growth(self) -> int | None:
        """How many more members than a day ago."""
        return None if self.a_day_ago is None else self.members - self.a_day_ago


@dataclass(frozen=True, slots=True)
class Point:
    """One shopper on the map, without a name, with the segment that colors it ("" for none)."""

    x: float
    y: float
    segment: str


def segment_rows() -> list[SegmentRow]:
    """Return all segments, the active and large ones first. Raises redis errors."""
    rows = list(Segment.objects.all())
    members = sizes(row.key for row in rows)
    yesterday = clock.now() - timedelta(days=1)
    counted = SegmentCount.objects.filter(hour__lte=yesterday, hour__gt=yesterday - timedelta(hours=3)).order_by("hour")
    before = dict(counted.values_list("segment_key", "members"))
    result = [
        SegmentRow(
            row.key,
            row.name,
            row.get_kind_display(),
            row.description,
            row.active,
            row.pk,
            members[row.key],
            before.get(row.key),
        )
        for row in rows
    ]
    return sorted(result, key=lambda row: (not row.active, -row.members, row.name))


def sizes_over_time(segment_keys: Sequence[str], *, days: int = DAYS) -> dict[str, list[tuple[datetime, int]]]:
    """Return the counted sizes of each segment, the oldest first: hourly for two days, before that one a day."""
    now = clock.now()
    rows = SegmentCount.objects.filter(segment_key__in=list(segment_keys), hour__gte=now - timedelta(days=days))
    series: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for key, hour, members in rows.order_by("hour").values_list("segment_key", "hour", "members"):
        points = series[key]
        if points and hour < now - timedelta(days=2) and points[-1][0].date() == hour.date():
            points[-1] = (hour, members)
        else:
            points.append((hour, members))
    return series


def flows(*, segment_key: str | None = None, days: int = DAYS) -> list[tuple[str, str, int]]:
    """Return source, target and people of each flow of the last days, the largest first."""
    since: date = clock.now().date() - timedelta(days=days)
    rows = SegmentFlow.objects.filter(day__gte=since)
    if segment_key is not None:
        rows = rows.filter(source=segment_key) | rows.filter(target=segment_key)
    summed = rows.values_list("source", "target").annotate(n=Sum("people")).order_by("-n", "source", "target")
    return [(source, target, people) for source, target, people in summed]


def segment_differences(segment_key: str) -> list[Difference]:
    """Return how a sample of the members differs from one of all shoppers, the largest difference first."""
    names: Any = redis.client().zrandmember(f"{keys.MEMBERS}{segment_key}", SAMPLE)
    members = [name.decode() for name in names or ()]
    everybody, _ = random_subjects(SAMPLE)
    own, all_rows = _vectors(members), _vectors(everybody)
    if not len(own) or not len(all_rows):
        return []
    scale = Scale.of(all_rows)
    means = Scale.of(own).mean
    deviations = (means - scale.mean) / scale.deviation
    order = np.argsort(-np.abs(deviations), kind="stable")
    return [
        Difference(FEATURES[at], float(means[at]), float(scale.mean[at]), float(deviations[at]))
        for at in order.tolist()
    ]


def segment_map() -> list[Point]:
    """Return a sample of shoppers as points, each with its cluster, or else one of its segments."""
    subjects, _ = random_subjects(MAP_SAMPLE)
    people = _people(subjects)
    fit = SegmentClustering.objects.first()
    clustering = None if fit is None else Clustering.from_json(fit.state)
    features = FEATURES if clustering is None else clustering.features
    rows, owners = _rows_of(people, features)
    if not len(rows):
        return []
    scale = Scale.of(rows) if clustering is None else clustering.scale
    names = dict(Segment.objects.filter(active=True).order_by("kind").values_list("key", "name"))
    places = plane(scale.standardized(rows))
    return [Point(float(x), float(y), _color(one, names)) for (x, y), one in zip(places, owners, strict=True)]


def latest_fit() -> SegmentClustering | None:
    """Return the fit that decides now."""
    return SegmentClustering.objects.first()


def latest_jobs(limit: int = 8) -> list[SegmentJob]:
    """Return the newest jobs."""
    return list(SegmentJob.objects.all()[:limit])


def _color(person: Person, names: Mapping[str, str]) -> str:
    return next((name for key, name in names.items() if key in person.segments), "")


def _people(subjects: Sequence[str]) -> list[Person]:
    return [one for raw_id, one in zip(subjects, read_people(subjects), strict=True) if one.subject == raw_id]


def _vectors(subjects: Sequence[str]) -> Rows:
    return _rows_of(_people(subjects), FEATURES)[0]


def _rows_of(people: Sequence[Person], features: Sequence[Feature]) -> tuple[Rows, list[Person]]:
    """Return a row for each person with a history, and these people."""
    states = states_of(people, NEEDED_TRAITS, cache=ProductCache(), now=clock.epoch_us())
    pairs = [(vector(state.traits, features), one) for state, one in zip(states, people, strict=True) if state.history]
    return np.asarray([row for row, _ in pairs], np.float64).reshape(-1, len(features)), [one for _, one in pairs]
