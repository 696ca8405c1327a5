"""Shoppers in thirds, by how much is known of them. Pure."""

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Longs
from recsys.data.profile import Profile

ACTIVITY = ("few events", "some events", "many events")


def thirds(known: Longs) -> list[tuple[str, Longs]]:
    """Return the rows of each third of int64[n], least first, those without rows left out.

    Equal ones are in the same third, the one that the middle of them is in: where most shoppers have done one thing,
    which of them come first says nothing of them.
    """
    ordered = np.sort(known)
    middle = (np.searchsorted(ordered, known) + np.searchsorted(ordered, known, side="right")) / 2
    third = (middle * len(ACTIVITY) // max(1, len(known))).astype(np.int64)
    found = [(name, np.flatnonzero(third == at)) for at, name in enumerate(ACTIVITY)]
    return [(name, rows) for name, rows in found if len(rows)]


def known_of(profiles: Sequence[Profile]) -> Longs:
    """Return int64[n]: how many events are known of each shopper."""
    return np.fromiter((len(profile.items) for profile in profiles), np.int64, len(profiles))


def third_of(known: Longs) -> tuple[str, ...]:
    """Return the name of each row's third."""
    labels = np.empty(len(known), dtype=object)
    for name, rows in thirds(known):
        labels[rows] = name
    return tuple(labels.tolist())
