"""Splits shoppers into thirds by the number of their events. Pure."""

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Longs
from recsys.data.profile import Profile

ACTIVITY = ("few events", "some events", "many events")


def thirds(counts: Longs) -> list[tuple[str, Longs]]:
    """Return (name, row indices) of each third of int64[n] counts, lowest first; empty thirds are left out.

    Equal counts share a third, that of their mean rank. Where most shoppers have one event, their order says nothing.
    """
    ordered = np.sort(counts)
    mean_rank = (np.searchsorted(ordered, counts) + np.searchsorted(ordered, counts, side="right")) / 2
    third = (mean_rank * len(ACTIVITY) // max(1, len(counts))).astype(np.int64)
    groups = [(name, np.flatnonzero(third == code)) for code, name in enumerate(ACTIVITY)]
    return [(name, rows) for name, rows in groups if len(rows)]


def event_counts(profiles: Sequence[Profile]) -> Longs:
    """Return int64[n]: the number of events in each profile."""
    return np.fromiter((len(profile.items) for profile in profiles), np.int64, len(profiles))


def third_names(counts: Longs) -> tuple[str, ...]:
    """Return the name of each row's third."""
    labels = np.empty(len(counts), dtype=object)
    for name, rows in thirds(counts):
        labels[rows] = name
    return tuple(labels.tolist())
