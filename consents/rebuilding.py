"""The mirror, written anew from the table of states. Safe while the shop runs: only what is newer wins."""

from collections.abc import Iterator
from itertools import islice

from common import redis
from consents import mirror
from consents.models import ConsentState
from consents.recording import microseconds
from consents.state import Decision

CHUNK = 1000


def size() -> int:
    """Return how many decisions there are."""
    return ConsentState.objects.count()


def rebuild() -> Iterator[int]:
    """Write all decisions, a thousand at a time; yield how many each step wrote."""
    rows = ConsentState.objects.order_by("pk").iterator(chunk_size=CHUNK)
    while chunk := list(islice(rows, CHUNK)):
        pipe = redis.client().pipeline(transaction=False)
        for row in chunk:
            decision = Decision(row.given, microseconds(row.at), row.event_id)
            mirror.apply_all(pipe, row.raw_id, {row.purpose: decision})
            if row.region:
                mirror.seen_in(pipe, row.raw_id, row.region)
        pipe.execute()
        yield len(chunk)
