"""Popularity among shoppers with the same attributes, for newcomers with attributes but no history."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from recsys.arrays import Floats
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.sources.base import Config
from recsys.sources.kinds import ANY_KIND, kinds_of
from recsys.sources.popular import Popular, PopularConfig, decayed_share
from recsys.sources.scoring import Cost, PlainReason, Scoring, SearchSpace, Use
from recsys.sources.storage import (
    Array,
    Arrays,
    pack_texts,
    unpack_texts,
)


@dataclass(frozen=True)
class PriorConfig(PopularConfig):
    """score = popularity · lift of shoppers with any attribute · (product of the shopper's kinds' lifts) ** damping.

    A kind is a group of shoppers with the same attribute (see `kinds`). Lifts are shrunk towards 1 by how much the
    kinds of their attribute differ. `damping` below 1 allows for redundant attributes (household size, children). Kinds
    with fewer than `least_shoppers` are left out; of the others the `most_kinds` largest are used. The score halves
    with every `fade_events` events of the shopper, and is 0 below `MIN_STRENGTH`.
    """

    damping: float = 0.7
    least_shoppers: int = 20
    most_kinds: int = 100
    fade_events: float = 3.0


MIN_STRENGTH = 1 / 16


class Prior(Scoring):
    """Popularity by the shopper's attributes. The model stores sums over many shoppers only."""

    name: ClassVar[str] = "prior"
    use: ClassVar[Use] = "placements"
    plain_reason: ClassVar[PlainReason | None] = "in_segment"
    config_class: ClassVar[type[Config]] = PriorConfig
    config: PriorConfig
    cost: ClassVar[Cost] = "seconds"
    unlearns: ClassVar[bool] = True
    personal: ClassVar[bool] = True
    SERVE_TIME: ClassVar[frozenset[str]] = frozenset({"damping", "fade_events"})
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **Popular.SEARCH_SPACE,
        "damping": ("float", 0.2, 1.0, False),
    }
    codes: dict[str, int]

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the share of each item among all shoppers, and the lifts of each kind."""
        c, n = self.config, catalog.n_items
        share = np.mean([decayed_share(interactions, days, n) for days in c.half_lives_days], axis=0)
        kinds = kinds_of(interactions, n, min_shoppers=c.least_shoppers, max_kinds=c.most_kinds)
        return {
            "share": share,
            "names": pack_texts(kinds.names),
            "size": kinds.size,
            "signal_variance": kinds.signal_variance,
            "noise": kinds.noise,
            "indptr": kinds.lifts.indptr.astype(np.int64),
            "indices": kinds.lifts.indices.astype(np.int32),
            "lifts": kinds.lifts.data,
        }

    def prepare(self) -> None:
        """Map the names of kinds to their codes."""
        self.codes = {name: code for code, name in enumerate(unpack_texts(self.arrays["names"]))}

    def knows_kind(self, profile: Profile) -> bool:
        """Return whether the shopper belongs to any kind of the model."""
        return any(name in self.codes for name in profile.attributes)

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return the expected share of each item for this shopper; 0 without a known attribute."""
        kinds = [self.codes[name] for name in profile.attributes if name in self.codes]
        strength = 2.0 ** (-len(profile.items) / max(self.config.fade_events, 1e-9))
        if not kinds or strength < MIN_STRENGTH:
            return np.zeros(self.n_items, np.float32)
        logs = self._log_lift(self.codes[ANY_KIND]) + self.config.damping * sum(self._log_lift(kind) for kind in kinds)
        scores: Floats = (strength * self.arrays["share"] * np.exp(logs)).astype(np.float32)
        return scores

    def _log_lift(self, kind: int) -> Array:
        """Return float64[n_items]: the logarithm of the kind's shrunk lift of each item."""
        variance = float(self.arrays["size"][kind]) * float(self.arrays["signal_variance"][kind])
        shrinkage = variance / (variance + self.arrays["noise"][min(kind, 1)])
        start, end = self.arrays["indptr"][kind : kind + 2].tolist()
        lift = np.zeros(self.n_items)
        lift[self.arrays["indices"][start:end]] = self.arrays["lifts"][start:end]
        return np.asarray(np.log(1 - shrinkage + shrinkage * lift))
