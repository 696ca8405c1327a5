"""The products to ask a newcomer about: those whose answers tell most about the shopper's taste. Pure.

Bayesian linear regression of one shopper's taste over the taste space, with a standard normal prior. The gain of a
question is the expected reduction of variance over all products, weighted by demand and by how likely they are liked,
and of the product itself. It is multiplied by the chance that the shopper knows the product. The questions of a page
are chosen greedily, each as if the ones before were answered, so that they differ.

No state is kept between requests: the answers are in the shopper's history.

Sources, for information times familiarity: Rashid, Karypis, Riedl, "Learning preferences of new users in recommender
systems", SIGKDD Explorations 2008. Adaptive questions: Golbandi, Koren, Lempel, "Adaptive bootstrapping of recommender
systems using decision trees", WSDM 2011. Expected reduction of variance: Cohn, Ghahramani, Jordan, "Active learning
with statistical models", JAIR 1996.
"""

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Bools, Doubles, Ints
from recsys.data.opinions import EXPLICIT_NOISE, Opinions
from recsys.ranking.taste_space import TasteSpace

ONBOARDING = "onboarding"
"""The strategy of a placement that asks questions."""
LIKED_BOOST = 1.5
"""The weight of a product grows as exp(LIKED_BOOST · expected answer)."""
DISLIKE_THRESHOLD = -0.25
"""Below this expected answer, a product counts as disliked."""
DEMOTION_FACTOR = 4.0


@dataclass(frozen=True, slots=True)
class Questions:
    """Products to ask about, best first, and the expected gain of each question."""

    items: Ints
    gains: Doubles


def questions(space: TasteSpace, opinions: Opinions, allowed: Bools, k: int) -> Questions:
    """Return up to k products of the pool to ask about: unanswered ones within `allowed` (bool[n_items])."""
    points = space.points
    taste, taste_covariance = posterior(space, opinions)
    liked_boost = np.exp(LIKED_BOOST * np.clip(points @ taste, -1.0, 1.0))
    familiarity = np.minimum(space.familiarity * liked_boost, 1.0)
    demand = space.demand * liked_boost
    demand_matrix = (points.T * demand) @ points
    is_open = allowed[space.pool] & ~np.isin(space.pool, opinions.answered)
    cross_covariance = points @ taste_covariance
    chosen_places, gains = [], []
    for _ in range(min(k, int(is_open.sum()))):
        variance = np.einsum("id,id->i", cross_covariance, points) + EXPLICIT_NOISE
        gain = familiarity * (
            np.einsum("id,id->i", cross_covariance @ demand_matrix, cross_covariance) / variance + demand
        )
        best = int(np.argmax(np.where(is_open, gain, -1.0)))
        chosen_places.append(best)
        gains.append(gain[best])
        is_open[best] = False
        cross_covariance = (
            cross_covariance - np.outer(points @ cross_covariance[best], cross_covariance[best]) / variance[best]
        )
    return Questions(space.pool[np.asarray(chosen_places, np.int64)], np.asarray(gains, np.float64))


def demote_disliked(space: TasteSpace, opinions: Opinions, items: Ints) -> Ints:
    """Return the items with expected dislikes moved back: their ranks are multiplied by `DEMOTION_FACTOR`."""
    if not len(opinions.disliked) or not len(items):
        return items
    taste, _ = posterior(space, opinions)
    is_disliked = space.points_of(items) @ taste < DISLIKE_THRESHOLD
    places = np.arange(1, len(items) + 1) * np.where(is_disliked, DEMOTION_FACTOR, 1.0)
    ordered: Ints = items[np.argsort(places, kind="stable")]
    return ordered


def posterior(space: TasteSpace, opinions: Opinions) -> tuple[Doubles, Doubles]:
    """Return float64[d] and float64[d, d]: the posterior mean and covariance of the shopper's taste."""
    d = space.points.shape[1]
    if not len(opinions.items) or not d:
        return np.zeros(d), np.eye(d)
    points = space.points_of(opinions.items)
    covariance: Doubles = np.asarray(np.linalg.inv(np.eye(d) + (points.T / opinions.noise) @ points), np.float64)
    return covariance @ (points.T @ (opinions.values / opinions.noise)), covariance
