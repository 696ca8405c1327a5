"""The base class of item-to-item recommenders: a neighbor table, applied to the decayed history or the context."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from recsys.arrays import Floats, Longs
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.sources.counted import Counts, learned, relearned
from recsys.sources.decay import (
    DECAY_SPACE,
    REPEAT_START,
    SESSION_START,
    ProfileDecay,
    query_of,
)
from recsys.sources.item_scores import ItemScores
from recsys.sources.neighbors import Neighbors, Rows
from recsys.sources.scoring import Scoring, SearchSpace
from recsys.sources.storage import Arrays

Own = TypeVar("Own", bound=Counts)


@dataclass(frozen=True)
class ItemItemConfig(ProfileDecay):
    """`neighbors` is the table's number per item; `own_weight` is the weight of an item's own events for itself.

    Good: own_weight 0 if products are bought once, 1–100 if they are bought again. It is 0 for sources with
    `discovers`, except in versions trained earlier (ADR 22).
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
        """Build the table from the arrays."""
        self.table = Neighbors.of(self.arrays)

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return the score of each item by the context's items, or by the history without any."""
        return self.item_scores(profile, context).all(self.n_items)

    def item_scores(self, profile: Profile, context: Context) -> ItemScores:
        """Return the scores of the neighbors of the context's items, or of the history's without any."""
        query = query_of(profile, context, self.config, self.n_items)
        codes, sums = self.table.sparse_gains(query, self._own_weight(context))
        return ItemScores(sums.astype(np.float32), codes)

    def scores_many(self, profiles: Sequence[Profile], contexts: Sequence[Context]) -> Floats:
        """Return `scores` of all profiles, by sparse products."""
        scores = np.zeros((len(profiles), self.n_items), np.float32)
        for has_context in (False, True):  # own_weight differs between the two
            rows = [row for row, context in enumerate(contexts) if bool(context.items) is has_context]
            queries = [query_of(profiles[row], contexts[row], self.config, self.n_items) for row in rows]
            gains = self.table.gains_many(queries, 0.0 if has_context else self.config.own_weight)
            for row, row_gains in zip(rows, gains, strict=True):
                scores[row] = row_gains
        return scores

    def shares_after(self, sources: Longs, items: Longs) -> Floats:
        """Return float32[n]: how well items[i] follows sources[i] alone, 1 for the best; 0 where it is no neighbor."""
        return self.table.values_between(sources, items)

    def knows(self, item: int) -> bool:
        """Return whether the item has any neighbor."""
        return 0 <= item < self.n_items and bool(self.table.lengths(np.array([item]))[0])

    def explain(self, profile: Profile, context: Context, item: int) -> tuple[int, ...]:
        """Return the three items of the query that contribute most to the item's score."""
        return self.table.explain(query_of(profile, context, self.config, self.n_items), item)

    def _own_weight(self, context: Context) -> float:
        return 0.0 if context.items else self.config.own_weight


class CountedItemItem(ItemItem, Generic[Own]):
    """A table from exact counts, of which an erasure changes some rows only."""

    unlearns: ClassVar[bool] = True

    @abstractmethod
    def counts(self, interactions: Interactions, catalog: Catalog, changed: Longs | None = None) -> Own:
        """Return the counts and factors. With `changed`, those of other items may be taken from the model's arrays."""

    @abstractmethod
    def arrays_of(self, rows: Rows, counts: Own, interactions: Interactions) -> Arrays:
        """Return the arrays to store."""

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the table of the best neighbors."""
        counts = self.counts(interactions, catalog)
        return self.arrays_of(learned(counts, max_neighbors=self.config.neighbors), counts, interactions)

    def relearn(self, interactions: Interactions, catalog: Catalog, changed: Longs) -> Arrays:
        """Return what `learn` returns, by the rows and columns of the changed items."""
        counts = self.counts(interactions, catalog, changed)
        rows = relearned(counts, self.arrays, changed, max_neighbors=self.config.neighbors)
        return self.arrays_of(rows, counts, interactions)
