"""Deletes what only old answers were computed from. Old models are deleted after a training (`MODELS_KEPT`)."""

import logging
from datetime import timedelta

from django.conf import settings

from catalog.product_history import forget_changes
from common import clock
from profiles.services.count_history import forget_counts

log = logging.getLogger(__name__)


def forget_old_inputs() -> None:
    """Delete changes of products and live counts that are older than `REPLAY_DAYS`.

    Versions of placements and rules stay: they are few, and also tell who changed what.
    """
    before = clock.now() - timedelta(days=settings.REPLAY_DAYS)
    log.info("replay.forgot changes=%d counts=%d", forget_changes(before), forget_counts(before))
