"""What shoppers of the same kind take: the answer to somebody of whom only attributes are known."""

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
    """score = popularity · how much more of it those take of whom anything is known · (product over the shopper's
    attributes of how much more than these their kind takes) ** damping.

    How much more is shrunk towards 1: an attribute that tells little of products is believed little, one that tells
    nothing drops out. `damping` below 1 allows for attributes that say the same (household size, children). A kind of
    fewer than `least_shoppers` is left out; of the rest the `most_kinds` largest are kept. The score halves every
    `fade_events` events of a shopper's own and falls silent below a sixteenth.
    """

    damping: float = 0.7
    least_shoppers: int = 20
    most_kinds: int = 100
    fade_events: float = 3.0


MIN_STRENGTH = 1 / 16


class Prior(Scoring):
    """Popularity by the shopper's attributes, for newcomers; no shopper is kept, only sums over many."""

    name: ClassVar[str] = "prior"
    use: ClassVar[Use] = "placements"
    plain_reason: ClassVar[PlainReason | None] = "in_segment"
    config_class: ClassVar[type[Config]] = PriorConfig
    config: PriorConfig
    cost: ClassVar[Cost] = "seconds"
    personal: ClassVar[bool] = True
    SERVE_TIME: ClassVar[frozenset[str]] = frozenset({"damping", "fade_events"})
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **Popular.SEARCH_SPACE,
        "damping": ("float", 0.2, 1.0, False),
    }
    codes: dict[str, int]

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the common share of each item, and of each kind of shopper how much more of it they take."""
        c, n = self.config, catalog.n_items
        share = np.mean([decayed_share(interactions, days, n) for days in c.half_lives_days], axis=0)
        kinds = kinds_of(interactions, n, least=c.least_shoppers, most=c.most_kinds)
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
        """Name the kinds of shoppers."""
        self.codes = {name: code for code, name in enumerate(unpack_texts(self.arrays["names"]))}

    def knows_kind(self, profile: Profile) -> bool:
        """Return whether the shopper is of any kind that was learnt about."""
        return any(name in self.codes for name in profile.attributes)

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return the share of each item among shoppers like this one; nothing for those of whom nothing is known."""
        kinds = [self.codes[name] for name in profile.attributes if name in self.codes]
        strength = 2.0 ** (-len(profile.items) / max(self.config.fade_events, 1e-9))
        if not kinds or strength < MIN_STRENGTH:
            return np.zeros(self.n_items, np.float32)
        logs = self._log_lift(self.codes[ANY_KIND]) + self.config.damping * sum(self._log_lift(kind) for kind in kinds)
        scores: Floats = (strength * self.arrays["share"] * np.exp(logs)).astype(np.float32)
        return scores

    def _log_lift(self, kind: int) -> Array:
        """Return float64[n_items]: how much more of each item the kind takes, as a logarithm, 0 where that is open."""
        told = float(self.arrays["size"][kind]) * float(self.arrays["signal_variance"][kind])
        believed = told / (told + self.arrays["noise"][min(kind, 1)])
        start, end = self.arrays["indptr"][kind : kind + 2].tolist()
        lift = np.zeros(self.n_items)
        lift[self.arrays["indices"][start:end]] = self.arrays["lifts"][start:end]
        return np.asarray(np.log(1 - believed + believed * lift))
