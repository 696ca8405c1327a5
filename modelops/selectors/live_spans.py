"""When each version was live."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, tzinfo

from django.db.models import Q

from modelops.models import ModelVersion


@dataclass(frozen=True, slots=True)
class LiveSpan:
    """The days of the shop that count for a version: from its promotion to the day before the next one."""

    version: str
    first: date
    last: date


def live_spans(*, since: date, today: date, zone: tzinfo) -> Sequence[LiveSpan]:
    """Return which version each day since then counts for, the earliest first.

    The day of a promotion counts for the promoted version; of several on one day for the last.
    """
    rows = ModelVersion.objects.filter(promoted_at__isnull=False).filter(
        Q(retired_at=None) | Q(retired_at__date__gte=since)
    )
    starts: dict[date, str] = {}
    for version, promoted_at in rows.order_by("promoted_at").values_list("version", "promoted_at"):
        if promoted_at is not None:
            starts[max(since, promoted_at.astimezone(zone).date())] = version
    days = sorted(starts)
    ends = [*(date.fromordinal(day.toordinal() - 1) for day in days[1:]), today][: len(days)]
    return [LiveSpan(starts[day], day, end) for day, end in zip(days, ends, strict=True)]
