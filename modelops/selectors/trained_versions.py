"""The versions that answered shoppers, and until when each of them learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from consents.selectors.requests import first_erasure_after
from modelops.models import ModelState, ModelVersion


@dataclass(frozen=True, slots=True)
class TrainedVersion:
    """A version that is or was live. It learned from events up to `trained_until`; its increments count."""

    version: str
    trained_until: datetime
    live_since: datetime
    live_until: datetime | None


def trained_versions(*, limit: int) -> Sequence[TrainedVersion]:
    """Return the versions that are or were live and whose files are still there, the live one first."""
    rows = ModelVersion.objects.filter(promoted_at__isnull=False, pruned_at=None).defer("report", "gate", "metrics")
    rows = rows.annotate(begun_at=Max("runs__started_at"), incremented_at=Max("increments__created_at"))
    latest = sorted(rows.order_by("-promoted_at")[:limit], key=lambda row: row.state != ModelState.CHAMPION)
    return [
        TrainedVersion(
            version=row.version,
            trained_until=row.incremented_at or row.begun_at or row.created_at,
            live_since=row.promoted_at,
            live_until=None if row.state == ModelState.CHAMPION else row.retired_at,
        )
        for row in latest
        if row.promoted_at is not None
    ]


def first_erasure_not_unlearned(version: ModelVersion, *, with_increment: bool = True) -> datetime | None:
    """Return when the first erasure was complete that came after the version's data were read; None if none did.

    The data of its latest increment count, too, or those of its training alone.
    """
    read_at = version.increment.get("read_at") if with_increment else None
    if read_at is not None:
        return first_erasure_after(datetime.fromisoformat(read_at))
    begun_at = version.runs.aggregate(begun_at=Max("started_at"))["begun_at"]
    return first_erasure_after(begun_at or version.created_at)
