"""Deletes what was kept long enough, in all rooms: the daily retention job, and the privacy desk's own requests."""

import logging
from typing import Final

from django.db import transaction

from audit.services import record
from common import clock, retention
from common.errors import Unavailable
from consents.models import PrivacyRequest
from consents.personal_places import REQUESTS

ACTOR: Final = "system:retention"
log = logging.getLogger(__name__)


def forget_old_requests() -> int:
    """Delete requests that were closed 24 months ago; return the number of rows."""
    return int(PrivacyRequest.objects.filter(closed_at__lt=clock.now() - REQUESTS).delete()[0])


def delete_old_data() -> dict[str, int]:
    """Delete what is over in each room; return the numbers of deleted records by retention, where there are any.

    Each number stands in the audit log. One kind that fails keeps no other from its turn. Raises Unavailable for it
    afterwards.
    """
    deleted: dict[str, int] = {}
    failed: list[str] = []
    for one in retention.retentions():
        if one.delete is None or one.period() is None:
            continue
        try:
            count = one.delete(clock.now())
        except Exception:
            log.exception("retention.failed kind=%s", one.name)
            failed.append(one.name)
            continue
        if count:
            deleted[one.name] = count
            _record(one, count)
    if failed:
        raise Unavailable(f"The retention of {', '.join(failed)} failed: the worker's log says why.")
    return deleted


@transaction.atomic
def _record(one: retention.Retention, count: int) -> None:
    data = {"deleted": count, "kept_for": retention.length_in_words(one.period() or retention.NO_TIME)}
    record(category="privacy", action="retention.applied", actor=ACTOR, object=f"retention:{one.name}", data=data)
