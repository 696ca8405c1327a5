"""What is judged, by which limits, and what a check says."""

import hashlib
import json
from dataclasses import dataclass, replace

import numpy as np

from recsys.data.data_checks import Side
from recsys.evaluation.model_checks.slate_table import CatalogView, SlateTable
from recsys.metrics.intervals import Interval

POPULAR = "popular"
"""The lowest stage of the ladder, which needs no learning."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where each check draws its line (docs/models.md: Gate)."""

    group_loss: float = 0.05
    group_ratio: float = 0.80
    supplier_low: float = 0.80
    supplier_high: float = 1.25
    gini_slack: float = 0.02
    coverage: float = 0.95
    popularity_lift: float = 1.5
    new_items: float = 0.5
    absolute_slack: float = 0.02
    latency_p99_ms: float = 25.0
    leak_factor: float = 3.0


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """One verdict: what was measured, where the limit lay, in words for the person who must decide.

    `side` is that of the limit on which the value must lie; None where nothing is held against one.
    """

    name: str
    passed: bool
    value: float | None
    limit: float | None
    detail: str
    side: Side | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged: `reference` is the champion, or popularity where there is none yet (`has_champion` False).

    `expected` is the NDCG@10 that validation had promised of the challenger; None where it promised nothing.
    `reference_stage` is the stage of the ladder that the champion was released from, "" where a table of before does not
    tell.
    """

    challenger: SlateTable
    reference: SlateTable
    catalog_view: CatalogView
    has_champion: bool
    limits: Limits = Limits()
    expected: Interval | None = None
    reference_stage: str = ""

    def in_hash_order(self) -> "Case":
        """Return the shoppers in the order of a hash of what is kept of each: in that of their ids, a kept table would
        name them, and in one drawn anew, the intervals of one case would differ from time to time.
        """
        hashes = [self._hash(row) for row in range(len(self.challenger.slates))]
        rows = np.array(sorted(range(len(hashes)), key=hashes.__getitem__), np.int64)
        return replace(self, challenger=self.challenger.take(rows), reference=self.reference.take(rows))

    def _hash(self, row: int) -> bytes:
        challenger = self.challenger
        labels = [(kind, own[row]) for kind, own in sorted(challenger.groups.items())]
        digest = hashlib.sha256(json.dumps([labels, challenger.targets[row].tolist()]).encode())
        for slates in (challenger.slates, self.reference.slates):
            digest.update(np.ascontiguousarray(slates[row]).tobytes())
        return digest.digest()
