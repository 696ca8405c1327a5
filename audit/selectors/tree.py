"""Reads of the tree: leaves, checkpoints, and how far the log is signed and published."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Max, Min

from audit.models import AuditCheckpoint, AuditLeaf, AuditPending, AuditPublication, AuditVerification
from audit.notes import parse_checkpoint
from common import clock

CHUNK: Final = 20_000
MOMENT: Final = timedelta(seconds=30)
"""So long an event may wait for the sequencer before pages call that wrong."""


@dataclass(frozen=True, slots=True)
class LogState:
    """How far the log is signed, published and verified. Sizes count events from the first one on."""

    size: int
    signed_at: datetime | None
    waiting: int
    oldest_waiting_at: datetime | None
    publication: AuditPublication | None
    verification: AuditVerification | None

    @property
    def is_late(self) -> bool:
        """Whether the sequencer stands still."""
        return self.oldest_waiting_at is not None and self.oldest_waiting_at < clock.real_now() - MOMENT

    @property
    def verified_last(self) -> int:
        """The last event that was compared with the signed tree."""
        return self.verification.size - 1 if self.verification else -1


def log_state() -> LogState:
    """Return the state of the log."""
    newest = newest_checkpoint()
    oldest = AuditPending.objects.order_by("seq").first()
    return LogState(
        size=newest.size if newest else 0,
        signed_at=parse_checkpoint(newest.note).at if newest else None,
        waiting=AuditPending.objects.count() if oldest else 0,
        oldest_waiting_at=oldest.at if oldest else None,
        publication=AuditPublication.objects.filter(place=settings.AUDIT_PUBLISH_TO).first(),
        verification=AuditVerification.objects.order_by("-pk").first(),
    )


def newest_checkpoint() -> AuditCheckpoint | None:
    """Return the newest checkpoint."""
    return AuditCheckpoint.objects.order_by("-size").first()


def checkpoint_before(position: int) -> AuditCheckpoint | None:
    """Return the newest checkpoint that covers no event from this position on; None stands for the empty log."""
    return AuditCheckpoint.objects.filter(size__lte=position).order_by("-size").first()


def checkpoint_after(position: int) -> AuditCheckpoint | None:
    """Return the first checkpoint that covers the event at this position."""
    return AuditCheckpoint.objects.filter(size__gt=position).order_by("size").first()


def leaf_hashes(start: int, end: int | None = None) -> Iterator[bytes]:
    """Yield the hashes of the leaves from a position on, in order. Raises ValueError where one is missing."""
    rows = AuditLeaf.objects.filter(idx__gte=start).order_by("idx").values_list("idx", "hash")
    rows = rows if end is None else rows.filter(idx__lt=end)
    for position, (idx, hash) in enumerate(rows.iterator(chunk_size=CHUNK), start):
        if idx != position:
            raise ValueError(f"the leaf at {position} is missing")
        yield bytes(hash)


def times_of(start: int, end: int) -> tuple[datetime | None, datetime | None]:
    """Return the earliest and the latest time of a range of leaves, so that a query reads their months alone."""
    leaves = AuditLeaf.objects.filter(idx__gte=start, idx__lt=end)
    times = leaves.aggregate(oldest=Min("at"), newest=Max("at"))
    return times["oldest"], times["newest"]


def positions_of(event_ids: Collection[UUID]) -> tuple[dict[UUID, int], set[UUID]]:
    """Return the positions of events in the tree, and which of them wait for one."""
    leaves = AuditLeaf.objects.filter(event_id__in=event_ids).values_list("event_id", "idx")
    waiting = AuditPending.objects.filter(event_id__in=event_ids).values_list("event_id", flat=True)
    return dict(leaves), set(waiting)
