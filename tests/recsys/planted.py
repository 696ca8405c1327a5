"""Planted models for the gate: slates whose faults are known, against one champion."""

from dataclasses import replace

import numpy as np

from recsys.evaluation.model_checks.case import Case
from recsys.evaluation.model_checks.slate_table import CatalogView, SlateTable

N_SHOPPERS, N_ITEMS, K = 2_000, 400, 10
SUPPLIER = (np.arange(N_ITEMS) % 4).astype(np.int32)
SHELF = CatalogView(SUPPLIER, np.ones(N_ITEMS), np.arange(N_ITEMS) % 20 == 0, cut=100.0)


def table_with_hits(hit: np.ndarray) -> SlateTable:
    """Return slates of K items, spread over the catalog, whose first item is the target where `hit` says so."""
    n = len(hit)
    rows = np.arange(n)[:, None]
    slates = ((rows * 7 + np.arange(K)[None, :] * 13) % N_ITEMS).astype(np.int32)
    targets = tuple(
        np.array([slates[row, 0] if hit[row] else (slates[row, 0] + 1) % N_ITEMS], np.int64) for row in range(n)
    )
    activity = tuple("new" if row % 2 else "regular" for row in range(n))
    return SlateTable(slates, targets, {"activity": activity}, np.full(200, 2.0, np.float32), fitted_until=100.0)


def usual() -> SlateTable:
    """Return the champion: half of each group finds what it wants at the top."""
    return table_with_hits(np.arange(N_SHOPPERS) % 4 < 2)


def losing(champion: SlateTable, share: float) -> SlateTable:
    """Return the champion's slates with `share` of the hits of the group "new" taken away."""
    slates = champion.slates.copy()
    rows = np.flatnonzero((np.arange(N_SHOPPERS) % 2 == 1) & (slates[:, 0] == [own[0] for own in champion.targets]))
    for row in rows[: round(share * len(rows))]:
        slates[row, 0] = (slates[row, 0] + 2) % N_ITEMS
    return replace(champion, slates=slates)


def slow(champion: SlateTable) -> SlateTable:
    """Return the champion's slates, each taking 80 ms."""
    return replace(champion, latency_ms=np.full(200, 80.0, np.float32))


def unfair(champion: SlateTable) -> SlateTable:
    """Return slates that show of one supplier more than of the three others together."""
    slates = champion.slates.copy()
    slates[:, 5:] = slates[:, 5:] - slates[:, 5:] % 4
    return replace(champion, slates=slates)


def leaking(champion: SlateTable) -> SlateTable:
    """Return the slates of a model that was fitted on a row of the held-out window."""
    return replace(champion, fitted_until=101.0)


def case(challenger: SlateTable, champion: SlateTable) -> Case:
    """Return the case of a challenger against the champion."""
    return Case(challenger, champion, SHELF, has_champion=True)


def harmless() -> Case:
    """Return a small case that passes: the challenger shows what the champion shows."""
    table = table_with_hits(np.arange(40) % 4 < 2)
    return case(table, table)
