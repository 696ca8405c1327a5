"""Opinions of a shopper about items, with their uncertainty, from likes, ratings and behavior."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.arrays import Doubles, Ints, Longs
from recsys.data.interactions import Interactions
from recsys.data.profile import Profile
from recsys.data.signals import RATING, SIGNAL_NAMES

MAX_OPINIONS = 60
"""Number of the latest products of a history that are used; more add little."""
NEUTRAL_STARS, STARS_SPAN = 3.0, 2.0
"""3 stars are an opinion of 0, 5 stars of 1, 1 star of -1."""
EXPLICIT_NOISE = 0.25
"""Variance of an explicit opinion; the prior variance of an opinion is 1."""
NOISE = {"like": EXPLICIT_NOISE, "rating": EXPLICIT_NOISE, "purchase": EXPLICIT_NOISE, "wishlist": 0.5, "cart": 0.5}
OTHER_NOISE = 2.0
"""Variance of other signals, such as views and clicks."""
SKIPPED, SKIPPED_NOISE = -1.0, 1.0
"""Opinion and variance of a skipped question: an uncertain "no". Most skip what they dislike, some what is unknown."""
IGNORED_SIGNALS = ("remove",)
"""Signals without an opinion."""
ANSWER_SIGNALS = ("like", "rating", "purchase")
"""Signals that answer an onboarding question: it does not ask about the product again."""


@dataclass(frozen=True, slots=True)
class Opinions:
    """A shopper's latest opinions: item codes, values in [-1, 1], and their variances; at most `MAX_OPINIONS`.

    `answered` and `disliked` cover the whole history: codes of products with one of `ANSWER_SIGNALS`, and of products
    with a negative opinion.
    """

    items: Ints
    values: Doubles
    noise: Doubles
    answered: Ints
    disliked: Ints

    def with_skipped(self, items: Sequence[int]) -> "Opinions":
        """Return the opinions with these products added as skipped, except those already in the history."""
        existing = {*self.items.tolist(), *self.answered.tolist()}
        skipped = [item for item in dict.fromkeys(items) if item not in existing][-MAX_OPINIONS:]
        return Opinions(
            items=np.concatenate([self.items, np.asarray(skipped, np.int32)]),
            values=np.concatenate([self.values, np.full(len(skipped), SKIPPED)]),
            noise=np.concatenate([self.noise, np.full(len(skipped), SKIPPED_NOISE)]),
            answered=self.answered,
            disliked=self.disliked,
        )


NO_OPINIONS = Opinions(
    items=np.empty(0, np.int32),
    values=np.empty(0),
    noise=np.empty(0),
    answered=np.empty(0, np.int32),
    disliked=np.empty(0, np.int32),
)


def opinions_of(profile: Profile, *, use_stars: bool = True) -> Opinions:
    """Return the opinions of a shopper's history: for each product the surest signal, of these the latest.

    Without `use_stars`, a rating counts as a like whatever its stars; for shops whose stars are all equal.
    """
    counts = [name not in IGNORED_SIGNALS for name in SIGNAL_NAMES]
    rows = np.flatnonzero(np.asarray(counts)[profile.signals])
    is_answer = np.isin(profile.signals, [SIGNAL_NAMES.index(name) for name in ANSWER_SIGNALS])
    noise = np.array([NOISE.get(name, OTHER_NOISE) for name in SIGNAL_NAMES])[profile.signals]
    order = rows[np.lexsort((rows, -noise[rows]))]  # the surest last, of these the latest last
    _, place = np.unique(profile.items[order][::-1], return_index=True)
    chosen = np.sort(order[::-1][place])
    stars = np.clip((profile.values[chosen] - NEUTRAL_STARS) / STARS_SPAN, -1.0, 1.0)
    values = np.where((profile.signals[chosen] == RATING) & use_stars, stars, 1.0).astype(np.float64)
    latest = chosen[-MAX_OPINIONS:]
    return Opinions(
        items=profile.items[latest],
        values=values[-MAX_OPINIONS:],
        noise=noise[latest],
        answered=np.unique(profile.items[is_answer]).astype(np.int32),
        disliked=profile.items[chosen[values < 0]],
    )


def without_disliked(profile: Profile, opinions: Opinions) -> Profile:
    """Return the profile with weight 0 on disliked products, since recommenders take a history for likes.

    The ratings themselves stay, for predicted ratings.
    """
    if not len(opinions.disliked):
        return profile
    return replace(profile, weights=np.where(np.isin(profile.items, opinions.disliked), 0, profile.weights))


def ratings_differ(interactions: Interactions) -> bool:
    """Return whether stars tell likes from dislikes: False if the data has ratings and all are equal.

    Always True with `explicit_ratings`: a shop with likes and dislikes stores only dislikes as ratings, all equal.
    """
    if interactions.explicit_ratings:
        return True
    values = interactions.values[interactions.signals == RATING]
    return not len(values) or bool(np.ptp(values) > 0)


def latest_ratings(interactions: Interactions, *, until: float) -> Longs:
    """Return the row indices of ratings up to a time, ascending; only the latest of a shopper and item."""
    rows = np.flatnonzero((interactions.signals == RATING) & (interactions.times <= until))
    pairs = interactions.users[rows].astype(np.int64) << 32 | interactions.items[rows]
    return np.sort(last_row_per_key(pairs, rows))


def last_row_per_key(keys: np.ndarray, rows: Longs) -> Longs:
    """Return the row of the last occurrence of each key, in the order of the keys."""
    _, place = np.unique(keys[::-1], return_index=True)
    return rows[::-1][place]
