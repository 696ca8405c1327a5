"""Sources of the shopper's own products: recently viewed, personal top, buy again."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from recsys.arrays import Bools, Floats, Ints, Times
from recsys.data.catalog import Catalog
from recsys.data.codes import codes_of
from recsys.data.interactions import DAY, Interactions
from recsys.data.profile import Context, Profile
from recsys.data.signals import PURCHASE, SIGNAL_NAMES
from recsys.sources.base import Config
from recsys.sources.decay import (
    DECAY_SPACE,
    REPEAT_START,
    SESSION_START,
    ProfileDecay,
    event_weights,
    history_query,
    sum_by_item,
)
from recsys.sources.item_scores import ItemScores
from recsys.sources.repeat import repeats
from recsys.sources.scoring import Cost, Reason, Scoring, SearchSpace, Use
from recsys.sources.storage import Array, Arrays

REPURCHASED = 0.1
"""People buy an item again if at least this share of its purchases are repeats."""


@dataclass(frozen=True)
class RecentConfig(Config):
    """`signals` are those that count as a view of a product."""

    signals: tuple[str, ...] = ("view", "click", "hover", "engage", "wishlist", "like", "cart", "checkout")


class Recent(Scoring):
    """The products that the shopper viewed, latest first."""

    name: ClassVar[str] = "recent"
    use: ClassVar[Use] = "placements"
    reason: ClassVar[Reason | None] = "own"
    config_class: ClassVar[type[Config]] = RecentConfig
    config: RecentConfig
    cost: ClassVar[Cost] = "seconds"
    personal: ClassVar[bool] = True

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return no arrays: the profile is enough."""
        return {}

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return 1 / position of each viewed item, latest first."""
        scores = np.zeros(self.n_items, np.float32)
        items = profile.items[of_signals(profile, self.config.signals)][::-1]
        items = items[(items >= 0) & (items < self.n_items)]
        distinct, first = np.unique(items, return_index=True)
        scores[distinct[np.argsort(first)]] = 1 / np.arange(1, len(distinct) + 1)
        return scores

    def extend(self, catalog: Catalog) -> Self:
        """Return a model that covers the added items of a larger catalog too."""
        model = self.reconfigured()
        model.n_items = catalog.n_items
        return model


class PersonalTop(Scoring):
    """The shopper's favorites, by the decayed weight of each item."""

    name: ClassVar[str] = "personal_top"
    reason: ClassVar[Reason | None] = "own"
    config_class: ClassVar[type[Config]] = ProfileDecay
    config: ProfileDecay
    cost: ClassVar[Cost] = "seconds"
    personal: ClassVar[bool] = True
    SERVE_TIME: ClassVar[frozenset[str]] = frozenset(DECAY_SPACE) | {"signal_weights"}
    STARTS: ClassVar[tuple[dict[str, Any], ...]] = (REPEAT_START, SESSION_START)
    SEARCH_SPACE: ClassVar[SearchSpace] = DECAY_SPACE

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return no arrays: the profile is enough."""
        return {}

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return the decayed weight of each item of the history."""
        return self.item_scores(profile, context).all(self.n_items)

    def item_scores(self, profile: Profile, context: Context) -> ItemScores:
        """Return the decayed weight of each item of the history."""
        codes, weights = history_query(profile, self.config, self.n_items)
        return ItemScores(weights.astype(np.float32), codes)


def of_signals(profile: Profile, signals: tuple[str, ...]) -> Bools:
    """Return bool[len(profile.items)]: which events have one of the named signals."""
    is_wanted = np.isin(np.arange(len(SIGNAL_NAMES)), [SIGNAL_NAMES.index(name) for name in signals])
    return is_wanted[profile.signals]


def _with_group_means(values: Array, codes: Ints) -> Array:
    """Return values[len(codes)]: the given ones, then the mean of the given ones of the same code, else of all."""
    own_codes = codes[: len(values)]
    grouped, n = own_codes >= 0, int(codes.max(initial=-1)) + 1
    counts = np.bincount(own_codes[grouped], minlength=n)
    sums = np.bincount(own_codes[grouped], values[grouped], n)
    overall = float(values.mean()) if len(values) else 0.0
    means = np.append(np.where(counts, sums / np.maximum(counts, 1), overall), overall)  # code -1 takes the last
    return np.concatenate([values, means[codes[len(values) :]].astype(values.dtype)])


@dataclass(frozen=True)
class BuyAgainConfig(ProfileDecay):
    """score = decayed purchases · repeat rate ** rate_power · due ** due_power.

    The repeat rate is the share of an item's purchases that are repeats. `prior` pseudo counts shrink it to that of its
    category, and this to the shop's. `due` grows from 0 to 1 with the time since the shopper's last purchase, and is .5
    one day before the usual interval has passed. Good: rate_power .6; due_power 0 unless purchases are regular.
    """

    half_life_days: float = 120.0
    step: float = 1.0
    rate_power: float = 0.6
    due_power: float = 0.0
    prior: float = 10.0


class BuyAgain(Scoring):
    """Bought products that the shopper is likely to need again."""

    name: ClassVar[str] = "buy_again"
    reason: ClassVar[Reason | None] = "own"
    config_class: ClassVar[type[Config]] = BuyAgainConfig
    config: BuyAgainConfig
    cost: ClassVar[Cost] = "seconds"
    unlearns: ClassVar[bool] = True
    personal: ClassVar[bool] = True
    SERVE_TIME: ClassVar[frozenset[str]] = frozenset(DECAY_SPACE) | {"rate_power", "due_power"}
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **DECAY_SPACE,
        "rate_power": ("float", 0.0, 2.0, False),
        "due_power": ("float", 0.0, 1.0, False),
    }

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the repeat rate and the usual interval, in seconds, of each item."""
        categories = codes_of(catalog.categories, catalog.n_items)
        statistics = repeats(interactions, catalog.n_items, prior=self.config.prior, categories=categories)
        return {"rate": statistics.rate, "interval": statistics.interval}

    @property
    def repurchased(self) -> Bools:
        """The items that people buy again, bool[n_items]: at least `REPURCHASED` of their purchases are repeats."""
        mask: Bools = self.arrays["rate"] >= REPURCHASED
        return mask

    @property
    def repurchase_seconds(self) -> Times:
        """The usual time between two purchases, float64[n_items] in seconds; inf for what people do not buy again."""
        return np.where(self.repurchased, self.arrays["interval"], np.inf)

    def extend(self, catalog: Catalog) -> Self:
        """Return a model that covers the added items of a larger catalog, with the means of their categories."""
        if catalog.n_items <= self.n_items:
            return self
        model, codes = self.reconfigured(), codes_of(catalog.categories, catalog.n_items)
        model.n_items = catalog.n_items
        model.arrays = {name: _with_group_means(values, codes) for name, values in self.arrays.items()}
        return model

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return the score of each bought item."""
        return self.item_scores(profile, context).all(self.n_items)

    def item_scores(self, profile: Profile, context: Context) -> ItemScores:
        """Return the score of each bought item."""
        weights = event_weights(profile, self.config)
        inside = (profile.items >= 0) & (profile.items < self.n_items)
        bought = (profile.signals == PURCHASE) & inside & (weights > 0)
        items = profile.items[bought]
        codes, weights = sum_by_item(items, weights[bought], self.n_items)
        last = np.full(len(codes), -np.inf)
        np.maximum.at(last, np.searchsorted(codes, items), profile.times[bought])
        age = np.maximum(0.0, profile.now - last)
        due = 1 - np.exp2(-(age + DAY) / self.arrays["interval"][codes])
        scores = weights * self.arrays["rate"][codes] ** self.config.rate_power * due**self.config.due_power
        return ItemScores(scores.astype(np.float32), codes)
