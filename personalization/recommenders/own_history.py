"""What the shopper had before: recently viewed, personal top, buy again."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from personalization.recommenders.base import (
    SIGNAL_NAMES,
    Bools,
    Catalogue,
    Config,
    Context,
    Floats,
    Interactions,
    Profile,
)
from personalization.recommenders.decay import DECAY_SPACE, ProfileDecay, event_weights, gathered
from personalization.recommenders.scoring import Scoring, SearchSpace
from personalization.recommenders.storage import Arrays

PURCHASE = SIGNAL_NAMES.index("purchase")


@dataclass(frozen=True)
class RecentConfig(Config):
    """`signals` are what counts as having looked at a product."""

    signals: tuple[str, ...] = ("view", "click", "hover", "engage", "wishlist", "like", "cart", "checkout")


class Recent(Scoring):
    """The products the shopper looked at, latest first."""

    name: ClassVar[str] = "recent"
    config_class: ClassVar[type[Config]] = RecentConfig
    config: RecentConfig
    reason: ClassVar[str] = "recently_viewed"
    personal: ClassVar[bool] = True

    def learn(self, interactions: Interactions, catalogue: Catalogue) -> Arrays:
        """Return nothing: the profile says it all."""
        return {}

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return 1 / position, the latest looked at first."""
        scores = np.zeros(self.n_items, np.float32)
        items = profile.items[of_signals(profile, self.config.signals)][::-1]
        items = items[(items >= 0) & (items < self.n_items)]
        distinct, first = np.unique(items, return_index=True)
        scores[distinct[np.argsort(first)]] = 1 / np.arange(1, len(distinct) + 1)
        return scores


class PersonalTop(Scoring):
    """The shopper's own favorites: decayed weight of each item."""

    name: ClassVar[str] = "personal_top"
    config_class: ClassVar[type[Config]] = ProfileDecay
    config: ProfileDecay
    reason: ClassVar[str] = "favorite"
    personal: ClassVar[bool] = True
    SEARCH_SPACE: ClassVar[SearchSpace] = DECAY_SPACE

    def learn(self, interactions: Interactions, catalogue: Catalogue) -> Arrays:
        """Return nothing: the profile says it all."""
        return {}

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return the decayed weight of each item of the history."""
        codes, weights = gathered(profile.items, event_weights(profile, self.config), self.n_items)
        scores = np.zeros(self.n_items, np.float32)
        scores[codes] = weights
        return scores


def of_signals(profile: Profile, signals: tuple[str, ...]) -> Bools:
    """Return bool[len(profile.items)]: which events carry one of the named signals."""
    wanted = np.isin(np.arange(len(SIGNAL_NAMES)), [SIGNAL_NAMES.index(name) for name in signals])
    return wanted[profile.signals]
