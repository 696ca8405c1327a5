"""Deletes who saw which arm of experiments that ended long ago and were archived. Cells and looks stay."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from common.retention import count_rows, delete_in_batches
from experiments.models import Exposure, StickyArm


def delete_old_rows(now: datetime) -> int:
    """Delete exposures and kept arms that are over; return their number."""
    return sum(delete_in_batches(lambda model=model: _old(model, now)) for model in (Exposure, StickyArm))  # type: ignore[misc]


def count_old_rows(now: datetime) -> int:
    """Return how many exposures and kept arms are over."""
    return sum(count_rows(_old(model, now)) for model in (Exposure, StickyArm))


def _old(model: Any, now: datetime) -> QuerySet[Any]:
    """Return the rows of archived experiments that are over: nothing counts these again."""
    before = now - timedelta(days=settings.EXPERIMENTS_RETENTION_DAYS)
    return QuerySet(model).filter(experiment__status="archived", experiment__ended_at__lt=before)
