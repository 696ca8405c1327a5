"""Baselines without training: random order and catalog order."""

from typing import ClassVar
from zlib import crc32

import numpy as np

from recsys.arrays import Floats
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.sources.scoring import Cost, Reason, Scoring, Use
from recsys.sources.storage import Arrays


class Random(Scoring):
    """A random order that depends on the shopper's profile and the seed."""

    name: ClassVar[str] = "random"
    use: ClassVar[Use] = "placements"
    cost: ClassVar[Cost] = "seconds"
    personal: ClassVar[bool] = True
    reason: ClassVar[Reason | None] = None

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return no arrays: there is nothing to learn."""
        return {}

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return uniform numbers in (0, 1]."""
        state = crc32(profile.items.tobytes(), int(profile.now) & 0xFFFFFFFF)
        return np.float32(1) - np.random.default_rng((self.config.seed, state)).random(self.n_items, np.float32)


class CatalogOrder(Scoring):
    """The order of the catalog: the last fallback, which needs no data."""

    name: ClassVar[str] = "catalog_order"
    use: ClassVar[Use] = "placements"
    cost: ClassVar[Cost] = "seconds"

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return no arrays: there is nothing to learn."""
        return {}

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return 1 for the first item, falling evenly towards 0."""
        return (np.arange(self.n_items, 0, -1) / max(1, self.n_items)).astype(np.float32)
