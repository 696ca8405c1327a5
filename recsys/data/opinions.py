"""What a shopper thinks of items: likes, dislikes, ratings and how sure each is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.arrays import Doubles, Ints, Longs
from recsys.data.interactions import Interactions
from recsys.data.profile import Profile
from recsys.data.signals import RATING, SIGNAL_NAMES

MOST_OPINIONS = 60
"""How many of the latest products of a history count; more tell hardly more."""
NEUTRAL_STARS, STARS_SPAN = 3.0, 2.0
"""Stars say nothing at 3, all at 1 and 5; a like is 1, a dislike -1."""
EXPLICIT_NOISE = 0.25
"""Variance of what a shopper says about a product; its prior variance is 1."""
NOISE = {"like": EXPLICIT_NOISE, "rating": EXPLICIT_NOISE, "purchase": EXPLICIT_NOISE, "wishlist": 0.5, "cart": 0.5}
OTHER_NOISE = 2.0
"""Of a view, a click: looking is not yet liking."""
SKIPPED, SKIPPED_NOISE = -1.0, 1.0
"""A skipped question is a "no" that is not sure: many skip what they do not care for, some what they do not know."""
SILENT = ("remove",)
SAID = ("like", "rating", "purchase")
"""Signals that answer a question: the product is not asked about again."""


@dataclass(frozen=True, slots=True)
class Opinions:
    """What is known of a shopper: item codes, what they think of each in -1..1, and the variance of that.

    These are the latest `MOST_OPINIONS`; `said` and `disliked` hold the codes of all products of the history that an
    answer told of, and of all that the shopper does not like.
    """

    items: Ints
    values: Doubles
    noise: Doubles
    said: Ints
    disliked: Ints

    def skipping(self, items: Sequence[int]) -> "Opinions":
        """Return the same with these products skipped, as far as the history says nothing of them."""
        known = {*self.items.tolist(), *self.said.tolist()}
        fresh = [item for item in dict.fromkeys(items) if item not in known][-MOST_OPINIONS:]
        return Opinions(
            items=np.concatenate([self.items, np.asarray(fresh, np.int32)]),
            values=np.concatenate([self.values, np.full(len(fresh), SKIPPED)]),
            noise=np.concatenate([self.noise, np.full(len(fresh), SKIPPED_NOISE)]),
            said=self.said,
            disliked=self.disliked,
        )


NO_OPINIONS = Opinions(
    items=np.empty(0, np.int32),
    values=np.empty(0),
    noise=np.empty(0),
    said=np.empty(0, np.int32),
    disliked=np.empty(0, np.int32),
)


def opinions_of(profile: Profile, *, rated: bool = True) -> Opinions:
    """Return what the shopper's history tells, the latest word about each product; a dislike counts as one.

    Without `rated`, stars say nothing: all that the shop ever saw are equal.
    """
    heard = [name not in SILENT for name in SIGNAL_NAMES]
    rows = np.flatnonzero(np.asarray(heard)[profile.signals])
    said = np.isin(profile.signals, [SIGNAL_NAMES.index(name) for name in SAID])
    noise = np.array([NOISE.get(name, OTHER_NOISE) for name in SIGNAL_NAMES])[profile.signals]
    order = rows[np.lexsort((rows, -noise[rows]))]  # the surest last, among them the latest
    _, place = np.unique(profile.items[order][::-1], return_index=True)
    chosen = np.sort(order[::-1][place])
    stars = np.clip((profile.values[chosen] - NEUTRAL_STARS) / STARS_SPAN, -1.0, 1.0)
    values = np.where((profile.signals[chosen] == RATING) & rated, stars, 1.0).astype(np.float64)
    latest = chosen[-MOST_OPINIONS:]
    return Opinions(
        items=profile.items[latest],
        values=values[-MOST_OPINIONS:],
        noise=noise[latest],
        said=np.unique(profile.items[said]).astype(np.int32),
        disliked=profile.items[chosen[values < 0]],
    )


def without_disliked(profile: Profile, opinions: Opinions) -> Profile:
    """Return the shopper with no weight on what they dislike: recommenders take a history for what is liked.

    Predicted stars read the ratings all the same.
    """
    if not len(opinions.disliked):
        return profile
    return replace(profile, weights=np.where(np.isin(profile.items, opinions.disliked), 0, profile.weights))


def ratings_differ(interactions: Interactions) -> bool:
    """Return whether ratings may be taken at their word: not where a file has some, and all are equal.

    Where shoppers gave them, a shop that knows likes and dislikes only has one number too: that of the dislikes.
    """
    if interactions.stated:
        return True
    values = interactions.values[interactions.signals == RATING]
    return not len(values) or bool(np.ptp(values) > 0)


def latest_ratings(interactions: Interactions, *, until: float) -> Longs:
    """Return the rows of ratings up to a moment, ascending; a shopper's later rating of an item stands alone."""
    rows = np.flatnonzero((interactions.signals == RATING) & (interactions.times <= until))
    pairs = interactions.users[rows].astype(np.int64) << 32 | interactions.items[rows]
    return np.sort(last_of_each(pairs, rows))


def last_of_each(keys: np.ndarray, rows: Longs) -> Longs:
    """Return the row of each key's last place."""
    _, place = np.unique(keys[::-1], return_index=True)
    return rows[::-1][place]
