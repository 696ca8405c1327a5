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

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Bools, Doubles, Ints
from recsys.data.opinions import EXPLICIT_NOISE, Opinions
from recsys.ranking.taste_space import TasteSpace

ONBOARDING = "onboarding"
"""The strategy of a placement that asks."""
LIKED_BOOST = 1.5
"""How much more a product counts that is likely liked: exp(LEANING · expected answer)."""
DISLIKE_THRESHOLD = -0.25
"""From this expected answer on, a product is close to what the shopper dislikes."""
DEMOTION_FACTOR = 4.0


@dataclass(frozen=True, slots=True)
class Questions:
    """Products to ask about, best first, and what each question is worth."""

    items: Ints
    gains: Doubles


def questions(space: TasteSpace, opinions: Opinions, allowed: Bools, k: int) -> Questions:
    """Return up to k products of the pool to ask about; none that was answered, or that `allowed` (bool[n]) forbids."""
    points = space.points
    taste, prior_covariance = posterior(space, opinions)
    liked_boost = np.exp(LIKED_BOOST * np.clip(points @ taste, -1.0, 1.0))
    familiarity = np.minimum(space.familiarity * liked_boost, 1.0)
    demand = space.demand * liked_boost
    demand_matrix = (points.T * demand) @ points
    is_open = allowed[space.pool] & ~np.isin(space.pool, opinions.said)
    covariance = points @ prior_covariance
    chosen_places, gains = [], []
    for _ in range(min(k, int(is_open.sum()))):
        variance = np.einsum("id,id->i", covariance, points) + EXPLICIT_NOISE
        gain = familiarity * (np.einsum("id,id->i", covariance @ demand_matrix, covariance) / variance + demand)
        best = int(np.argmax(np.where(is_open, gain, -1.0)))
        chosen_places.append(best)
        gains.append(gain[best])
        is_open[best] = False
        covariance = covariance - np.outer(points @ covariance[best], covariance[best]) / variance[best]
    return Questions(space.pool[np.asarray(chosen_places, np.int64)], np.asarray(gains, np.float64))


def demote_disliked(space: TasteSpace, opinions: Opinions, items: Ints) -> Ints:
    """Return the items, what is close to dislikes and not to likes further back: its place counts `BEHIND` times."""
    if not len(opinions.disliked) or not len(items):
        return items
    taste, _ = posterior(space, opinions)
    is_disliked = space.points_of(items) @ taste < DISLIKE_THRESHOLD
    places = np.arange(1, len(items) + 1) * np.where(is_disliked, DEMOTION_FACTOR, 1.0)
    ordered: Ints = items[np.argsort(places, kind="stable")]
    return ordered


def posterior(space: TasteSpace, opinions: Opinions) -> tuple[Doubles, Doubles]:
    """Return float64[d] and float64[d, d]: what we think the shopper's taste is, and how unsure we are of it."""
    d = space.points.shape[1]
    if not len(opinions.items) or not d:
        return np.zeros(d), np.eye(d)
    points = space.points_of(opinions.items)
    prior_covariance: Doubles = np.asarray(np.linalg.inv(np.eye(d) + (points.T / opinions.noise) @ points), np.float64)
    return prior_covariance @ (points.T @ (opinions.values / opinions.noise)), prior_covariance
