"""Compares the stored rows with the signed tree: what somebody altered behind the triggers shows here."""

import logging
import time
from typing import Final

from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from audit.models import AuditPublication, AuditVerification
from audit.selectors.tree import leaf_hashes, newest_checkpoint, times_of
from audit.services import DESTROYED
from audit.services.publishing import last_published
from audit.services.sequencing import BrokenLog, head_of
from audit.tree import Frontier
from common import clock

CHUNK: Final = 20_000
MOST_PROBLEMS: Final = 20
ALTERED: Final = """
SELECT leaf.idx, event.body IS NULL
FROM audit_leaf leaf
LEFT JOIN audit_event event ON event.id = leaf.event_id AND event.at = leaf.at
    AND event.at BETWEEN %(oldest)s AND %(newest)s
LEFT JOIN LATERAL (SELECT convert_from(event.body, 'UTF8')::jsonb AS json OFFSET 0) body ON true  -- parsed once
WHERE leaf.idx >= %(start)s AND leaf.idx < %(end)s
    AND (event.body IS NULL OR sha256('\\x00'::bytea || event.body) <> leaf.hash
        OR (json ->> 'id', json ->> 'category', json ->> 'action', json ->> 'actor', json ->> 'object',
            json ->> 'subject')
        IS DISTINCT FROM (event.id::text, event.category, event.action, event.actor, event.object, event.subject))
ORDER BY leaf.idx LIMIT %(most)s
"""
# An event enters the outbox with its row; only a row that was written behind the triggers is in neither.
FORGED: Final = """
SELECT event.id, event.at FROM audit_event event
WHERE NOT EXISTS (SELECT FROM audit_leaf leaf WHERE leaf.event_id = event.id)
    AND NOT EXISTS (SELECT FROM audit_pending pending WHERE pending.event_id = event.id)
ORDER BY event.at LIMIT %s
"""
UNTOLD: Final = """
SELECT destruction.id, destruction.at FROM audit_destruction destruction
WHERE NOT EXISTS (
    SELECT FROM audit_event event WHERE event.object = 'destruction:' || destruction.id AND event.action = %s
) ORDER BY destruction.id LIMIT %s
"""
# The times of an order that nobody can have written.
BACKDATED: Final = """
SELECT idx, at FROM (
    SELECT idx, at, max(at) OVER (ORDER BY idx) AS latest FROM audit_leaf WHERE idx < %s
) leaf WHERE at < latest - interval '1 hour' ORDER BY idx LIMIT %s
"""
log = logging.getLogger(__name__)


def verify_log() -> AuditVerification:
    """Verify all stored events up to the newest checkpoint; keep the result and return it."""
    began, at, problems = time.monotonic(), clock.real_now(), list[str]()
    longest = _longest_before()  # read first, because the log grows meanwhile
    newest = newest_checkpoint()
    size = newest.size if newest else 0
    problems += [f"the newest events are gone: {where}" for length, where in longest if length > size]
    problems += _altered(size) + _forged() + _backdated(size) + _untold()
    try:
        published = last_published()
        head = head_of(newest)
        root = Frontier().extended(leaf_hashes(0, size)).root()
        if head.checkpoint and root != head.checkpoint.root:
            problems.append(f"the tree does not have the root that was signed at {size}")
        if published and published.root != Frontier().extended(leaf_hashes(0, published.size)).root():
            problems.append(f"at {published.size} another root was published: the log was rewritten or cut off")
    except (BrokenLog, ImproperlyConfigured, OSError, ValueError) as error:
        problems.append(str(error))
    if problems:
        log.error("audit.not_verified size=%s problems=%s", size, problems)
    problems, seconds = problems[:MOST_PROBLEMS], time.monotonic() - began
    return AuditVerification.objects.create(at=at, size=size, problems=problems, seconds=seconds)


def _longest_before() -> list[tuple[int, str]]:
    """Return how long the log was by what was noted about it, and where that stands."""
    verified = AuditVerification.objects.order_by("-size").first()
    posted = AuditPublication.objects.order_by("-size").first()
    return [
        *([(verified.size, f"{verified.size} were there at {verified.at:%Y-%m-%d %H:%M}")] if verified else []),
        *([(posted.size, f"{posted.size} were published to {posted.place}")] if posted else []),
    ]


def _altered(size: int) -> list[str]:
    problems: list[str] = []
    for start in range(0, size, CHUNK):
        end = min(start + CHUNK, size)
        oldest, newest = times_of(start, end)
        with connection.cursor() as cursor:
            values = {"start": start, "end": end, "oldest": oldest, "newest": newest, "most": MOST_PROBLEMS}
            cursor.execute(ALTERED, values)
            problems += [f"event {idx} {'is gone' if is_missing else 'was altered'}" for idx, is_missing in cursor]
        if len(problems) >= MOST_PROBLEMS:
            break
    return problems


def _forged() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(FORGED, [MOST_PROBLEMS])
        return [f"event {id} of {at:%Y-%m-%d %H:%M:%S} is not in the tree: it was forged" for id, at in cursor]


def _untold() -> list[str]:
    """Return the destroyed keys that no event speaks of: somebody destroyed them without Vitrine."""
    with connection.cursor() as cursor:
        cursor.execute(UNTOLD, [DESTROYED, MOST_PROBLEMS])
        return [f"keys of a subject were destroyed at {at:%Y-%m-%d %H:%M:%S} without an event" for _, at in cursor]


def _backdated(size: int) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(BACKDATED, [size, MOST_PROBLEMS])
        return [f"event {idx} is back-dated to {at:%Y-%m-%d %H:%M:%S}" for idx, at in cursor]
