"""The input of the model checks, their limits, and the result of one check."""

import hashlib
import json
from dataclasses import dataclass, replace

import numpy as np

from recsys.data.data_checks import Side
from recsys.evaluation.model_checks.slate_table import CatalogView, SlateTable
from recsys.metrics.intervals import Interval

POPULAR = "popular"
"""The lowest stage of the ladder; it needs no training."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limit of each check (docs/models.md: Gate)."""

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
    """The result of one check: the measured value, its limit, and `detail` in words for the person who decides.

    `side` says on which side of the limit the value must lie; None where there is no limit. `misses_bar` marks a check
    that passed although its bar was missed.
    """

    name: str
    passed: bool
    value: float | None
    limit: float | None
    detail: str
    side: Side | None = None
    misses_bar: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """The input of the checks. `reference` is the champion, or popularity without one (`has_champion` False).

    `expected` is the challenger's NDCG@10 on validation, None where unknown. `reference_stage` is the stage of the
    ladder at which the champion was released, "" in older files.
    """

    challenger: SlateTable
    reference: SlateTable
    catalog_view: CatalogView
    has_champion: bool
    limits: Limits = Limits()
    expected: Interval | None = None
    reference_stage: str = ""

    def in_hash_order(self) -> "Case":
        """Return the case with shoppers ordered by a hash of their rows.

        In the order of their ids a stored table would identify them. In a random order the bootstrap intervals of the
        same case would differ between runs.
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
