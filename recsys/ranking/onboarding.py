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
LEANING = 1.5
"""How much more a product counts that is likely liked: exp(LEANING · expected answer)."""
UNWANTED = -0.25
"""From this expected answer on, a product is close to what the shopper dislikes."""
BEHIND = 4.0


@dataclass(frozen=True, slots=True)
class Questions:
    """Products to ask about, best first, and what each question is worth."""

    items: Ints
    worth: Doubles


def questions(space: TasteSpace, opinions: Opinions, allowed: Bools, k: int) -> Questions:
    """Return up to k products of the pool to ask about; none that was answered, or that `allowed` (bool[n]) forbids."""
    points = space.points
    taste, spread = believed(space, opinions)
    leaning = np.exp(LEANING * np.clip(points @ taste, -1.0, 1.0))
    known = np.minimum(space.known * leaning, 1.0)
    own = space.matter * leaning
    matter = (points.T * own) @ points
    open_to = allowed[space.pool] & ~np.isin(space.pool, opinions.answered)
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
