"""What onboarding asks about in this state of the shop: the taste space, made when somebody first asks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from personalization.serving.serving_catalog import Shelf
from recsys.arrays import Bools, Ints
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.taste_space import TasteSpace, item_vectors, question_pool
from recsys.sources.scoring import Scoring


@dataclass(frozen=True)
class Survey:
    """The products on sale at the snapshot's making, `popular` codes best first; `facts` None where no model is."""

    shelf: Shelf
    popular: Ints
    on_sale: Bools
    sources: Mapping[str, Scoring]
    facts: ItemStatistics | None

    @cached_property
    def pool(self) -> Ints:
        """Which products may be asked about: the well known ones."""
        return question_pool(self.popular, self.shelf.columns.group_of, self.on_sale)

    @cached_property
    def space(self) -> TasteSpace:
        """The well known products by what the model says is alike, else by their words."""
        return TasteSpace.of(item_vectors(self.sources) or self.shelf.kinship.rows, self.pool, self.facts)

    def following(self, shelf: Shelf, popular: Ints, on_sale: Bools) -> "Survey":
        """Return the survey of the next state of the same catalogue; where it asks about the same, this one."""
        fresh = replace(self, shelf=shelf, popular=popular, on_sale=on_sale)
        return self if np.array_equal(fresh.pool, self.pool) else fresh
