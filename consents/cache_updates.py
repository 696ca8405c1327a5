"""Updates of the consent cache: decisions, links, or all of them anew from the tables.

Safe at any time while the shop runs: the newer decision wins, and the older link.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from common import redis
from common.clock import to_microseconds
from consents import cache
from consents.models import ConsentState
from consents.recording import DecisionRecord
from consents.state import Decision
from customers.selectors import first_links

CHUNK = 1000


def size() -> int:
    """Return how many decisions there are."""
    return ConsentState.objects.count()


def rebuild() -> Iterator[int]:
    """Write all decisions, a thousand at a time; yield how many each step wrote."""
    rows = ConsentState.objects.order_by("-at").iterator(chunk_size=CHUNK)  # the first region that is written stays
    while chunk := list(islice(rows, CHUNK)):
        write(
            DecisionRecord(row.raw_id, row.purpose, row.given, to_microseconds(row.at), row.event_id, region=row.region)
            for row in chunk
        )
        yield len(chunk)
    link(first_links())


def write(decisions: Iterable[DecisionRecord], *, again: bool = True) -> None:
    """Write decisions and where they were made, in one trip; again: the shopper may have been seen elsewhere since.

    Of several on one purpose the one that holds is written. Where no region is known, that of the latest counts.
    """
    pipe = redis.client().pipeline(transaction=False)
    latest: defaultdict[str, dict[str, Decision]] = defaultdict(dict)
    for one in sorted(decisions, key=lambda one: one.at, reverse=again):
        if one.decision.beats(latest[one.raw_id].get(one.purpose)):
            latest[one.raw_id][one.purpose] = one.decision
        if one.region:
            cache.seen_in(pipe, one.raw_id, one.region, again=again)
    for raw_id, of_id in latest.items():
        cache.apply_all(pipe, raw_id, of_id)
    pipe.execute()


def link(pairs: Iterable[tuple[str, str, int]]) -> None:
    """Write which raw ids were seen together, and since when: a refusal on one of them must hold for the other."""
    links = iter(pairs)
    while chunk := list(islice(links, CHUNK)):
        pipe = redis.client().pipeline(transaction=False)
        for one, other, at in chunk:
            cache.link(pipe, one, other, at)
        pipe.execute()
