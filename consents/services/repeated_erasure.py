"""Erases shoppers again whom a restored backup brought back, found by the marks of their erasure."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from django.db import transaction

from audit.services import record
from common import clock, privacy
from common.clock import to_microseconds
from consents import selectors
from consents.suppression_mark import mark_of

AT_ONCE: Final = 100
ACTION: Final = "erasure.repeated"
log = logging.getLogger(__name__)


def erase_again(erasure_times: Mapping[str, int]) -> list[str]:
    """Erase in all stores the ids of these marks that hold something from before their erasure; return these ids.

    `erasure_times` gives that of each mark in microseconds since the epoch. Redis must hold the marks already. An id is
    erased as it stands, without those linked to it: they have marks of their own, and a link may lead to somebody who
    used the device later. Raises RuntimeError where something is left, and what a store raises.
    """
    raw_ids = sorted(set(_returned(erasure_times)))
    counts = dict.fromkeys((store.name for store in privacy.stores()), 0)
    for start in range(0, len(raw_ids), AT_ONCE):
        for name, count in _erase(raw_ids[start : start + AT_ONCE]).items():
            counts[name] += count
    if raw_ids:
        log.warning("privacy.erased_again ids=%s", len(raw_ids))
        with transaction.atomic():
            data = {"ids": len(raw_ids), "erased": counts}
            record(category="privacy", action=ACTION, actor="system:privacy", object="erasuremarks:1", data=data)
            transaction.on_commit(privacy.follow_erasure)
    return raw_ids


def _returned(erasure_times: Mapping[str, int]) -> Iterator[str]:
    """Yield the marked ids of which a store holds a record from before the erasure; an id may come twice.

    Where the store keeps no time, whoever is still suppressed may have none.
    """
    undated = set()
    for store in privacy.stores():
        for raw_id, earliest in store.subjects():
            erased_at = erasure_times.get(mark_of(raw_id))
            if erased_at is None:
                continue
            if earliest is None:
                undated.add(raw_id)
            elif to_microseconds(earliest) <= erased_at:
                yield raw_id
    now = clock.epoch_us()
    yield from (raw_id for raw_id, state in selectors.states(undated).items() if state.suppresses(now))


def _erase(raw_ids: Sequence[str]) -> dict[str, int]:
    person = privacy.Person(tuple(raw_ids))
    counts = {store.name: store.erase(person) for store in privacy.stores()}
    incomplete = [store.name for store in privacy.stores() if store.verify(person)]
    if incomplete:
        raise RuntimeError(f"records of erased shoppers are still in: {', '.join(incomplete)}")
    return counts
