"""Which products to ask a newcomer about: those whose answer tells most of what else they would like. Pure.

A Bayesian linear model of one shopper's taste over the taste space: before any answer every direction is as likely as
any other; each answer narrows it. A question is worth how much its answer is expected to narrow what we think of all
products, those likely liked and much taken counting most, and what it tells of the product itself; times the chance
that the shopper knows the product at all. The questions of a page are chosen one after the other as if the ones before
were answered, so that they differ.

Nothing is kept between requests: what was answered is in the shopper's history.

Sources: Rashid, Karypis, Riedl, "Learning preferences of new users in recommender systems", SIGKDD Explorations 2008
(information times familiarity); Golbandi, Koren, Lempel, "Adaptive bootstrapping of recommender systems using decision
trees", WSDM 2011 (adaptive questions); Cohn, Ghahramani, Jordan, "Active learning with statistical models", JAIR 1996
(the expected reduction of variance).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from personalization.ranking.taste_space import TasteSpace
from personalization.recommenders.base import RATING, SIGNAL_NAMES, Bools, Doubles, Ints, Profile

ONBOARDING = "onboarding"
"""The strategy of a placement that asks."""
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
LEANING = 1.5
"""How much more a product counts that is likely liked: exp(LEANING · expected answer)."""
UNWANTED = -0.25
"""From this expected answer on, a product is close to what the shopper dislikes."""
BEHIND = 4.0


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


@dataclass(frozen=True, slots=True)
class Questions:
    """Products to ask about, best first, and what each question is worth."""

    items: Ints
    worth: Doubles


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


def questions(space: TasteSpace, opinions: Opinions, allowed: Bools, k: int) -> Questions:
    """Return up to k products of the pool to ask about; none that was answered, or that `allowed` (bool[n]) forbids."""
    points = space.points
    taste, spread = believed(space, opinions)
    leaning = np.exp(LEANING * np.clip(points @ taste, -1.0, 1.0))
    known = np.minimum(space.known * leaning, 1.0)
    own = space.matter * leaning
    matter = (points.T * own) @ points
    open_to = allowed[space.pool] & ~np.isin(space.pool, opinions.said)
    ahead = points @ spread
    chosen, worth = [], []
    for _ in range(min(k, int(open_to.sum()))):
        variance = np.einsum("id,id->i", ahead, points) + EXPLICIT_NOISE
        gain = known * (np.einsum("id,id->i", ahead @ matter, ahead) / variance + own)
        best = int(np.argmax(np.where(open_to, gain, -1.0)))
        chosen.append(best)
        worth.append(gain[best])
        open_to[best] = False
        ahead = ahead - np.outer(points @ ahead[best], ahead[best]) / variance[best]
    return Questions(space.pool[np.asarray(chosen, np.int64)], np.asarray(worth, np.float64))


def put_back(space: TasteSpace, opinions: Opinions, items: Ints) -> Ints:
    """Return the items, what is close to dislikes and not to likes further back: its place counts `BEHIND` times."""
    if not len(opinions.disliked) or not len(items):
        return items
    taste, _ = believed(space, opinions)
    unwanted = space.at(items) @ taste < UNWANTED
    places = np.arange(1, len(items) + 1) * np.where(unwanted, BEHIND, 1.0)
    ordered: Ints = items[np.argsort(places, kind="stable")]
    return ordered


def believed(space: TasteSpace, opinions: Opinions) -> tuple[Doubles, Doubles]:
    """Return float64[d] and float64[d, d]: what we think the shopper's taste is, and how unsure we are of it."""
    d = space.points.shape[1]
    if not len(opinions.items) or not d:
        return np.zeros(d), np.eye(d)
    points = space.at(opinions.items)
    spread: Doubles = np.asarray(np.linalg.inv(np.eye(d) + (points.T / opinions.noise) @ points), np.float64)
    return spread @ (points.T @ (opinions.values / opinions.noise)), spread
