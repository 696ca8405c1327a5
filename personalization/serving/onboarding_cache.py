"""The taste space of onboarding for one snapshot, built on first use."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from personalization.serving.serving_catalog import ServingCatalog
from recsys.arrays import Bools, Ints
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.taste_space import TasteSpace, item_vectors, question_pool
from recsys.sources.scoring import Scoring


@dataclass(frozen=True)
class OnboardingCache:
    """Products of one snapshot: `popular` codes come best first, `facts` is None without a model."""

    serving_catalog: ServingCatalog
    popular: Ints
    on_sale: Bools
    sources: Mapping[str, Scoring]
    item_statistics: ItemStatistics | None

    @cached_property
    def pool(self) -> Ints:
        """The products that onboarding may ask about: the well-known ones."""
        return question_pool(self.popular, self.serving_catalog.columns.group_of, self.on_sale)

    @cached_property
    def space(self) -> TasteSpace:
        """The pool's products, placed by the model's similarities, else by text similarity."""
        return TasteSpace.of(
            item_vectors(self.sources) or self.serving_catalog.kinship.rows, self.pool, self.item_statistics
        )

    def with_changes(self, serving_catalog: ServingCatalog, popular: Ints, on_sale: Bools) -> "OnboardingCache":
        """Return the cache for the next state of the same catalog; itself where the pool is the same."""
        changed = replace(self, serving_catalog=serving_catalog, popular=popular, on_sale=on_sale)
        return self if np.array_equal(changed.pool, self.pool) else changed
