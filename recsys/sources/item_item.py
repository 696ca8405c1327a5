"""What all item-to-item recommenders share: a neighbor table that answers from the decayed history or the context."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from recsys.arrays import Floats
from recsys.data.profile import Context, Profile
from recsys.sources.decay import (
    DECAY_SPACE,
    REPEAT_START,
    SESSION_START,
    ProfileDecay,
    query_of,
)
from recsys.sources.neighbors import Neighbors
from recsys.sources.scoring import Scoring, SearchSpace


@dataclass(frozen=True)
class ItemItemConfig(ProfileDecay):
    """`neighbors` kept per item bound memory and time; `own_weight` is what an item's own past counts for itself.

    Good: own_weight 0 where products are bought once, 1–100 where they are bought again; sources that discover have 0,
    but for versions trained before they did (ADR 22).
    """

    neighbors: int = 200
    own_weight: float = 0.0


ITEM_ITEM_SPACE: SearchSpace = {**DECAY_SPACE, "own_weight": ("choice", [0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0])}


class ItemItem(Scoring):
    """score(j) = sum over the query's items i of weight(i) · table[i, j]."""

    config: ItemItemConfig
    STARTS: ClassVar[tuple[dict[str, Any], ...]] = (
        {**REPEAT_START, "own_weight": 30.0},
        {**SESSION_START, "own_weight": 0.0},
    )
    personal: ClassVar[bool] = True
    contextual: ClassVar[bool] = True
    learns_taste: ClassVar[bool] = True
    SERVE_TIME: ClassVar[frozenset[str]] = frozenset(ITEM_ITEM_SPACE) | {"signal_weights"}
    table: Neighbors

    def prepare(self) -> None:
        """Name the arrays of the table."""
        self.table = Neighbors.of(self.arrays)

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return what each item gains from the context's items, else from the history."""
        found = query_of(profile, context, self.config, self.n_items)
        return self.table.gains(found, self._own_weight(context)).astype(np.float32)

    def scores_many(self, profiles: Sequence[Profile], contexts: Sequence[Context]) -> Floats:
        """Return `scores` of all, by sparse products."""
        scores = np.zeros((len(profiles), self.n_items), np.float32)
        for asked in (False, True):  # own_weight differs between the two
            rows = [row for row, context in enumerate(contexts) if bool(context.items) is asked]
            found = [query_of(profiles[row], contexts[row], self.config, self.n_items) for row in rows]
            gains = self.table.gains_many(found, 0.0 if asked else self.config.own_weight)
            for row, line in zip(rows, gains, strict=True):
                scores[row] = line
        return scores

    def knows(self, item: int) -> bool:
        """Return whether the item has a neighbor."""
        return 0 <= item < self.n_items and bool(self.table.lengths(np.array([item]))[0])

    def explain(self, profile: Profile, context: Context, item: int) -> tuple[int, ...]:
        """Return the three items of the query that speak most for the item."""
        return self.table.explain(query_of(profile, context, self.config, self.n_items), item)

    def _own_weight(self, context: Context) -> float:
        return 0.0 if context.items else self.config.own_weight
