"""How far predicted stars are from those that shoppers gave afterwards, beside what needs no learning."""

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from recsys.arrays import Doubles, Longs
from recsys.data.folds import Fold
from recsys.data.interactions import Interactions
from recsys.data.opinions import latest_ratings
from recsys.data.signals import RATING
from recsys.metrics.errors import rmse
from recsys.metrics.intervals import Interval, bootstrap
from recsys.ranking.predicted_ratings import RatingPredictor
from recsys.ranking.profile_columns import ProfileColumns


def rating_errors(stars: RatingPredictor | None, fold: Fold, interactions: Interactions) -> Mapping[str, Any]:
    """Return the RMSE of SVD, of its biases alone (of item and shopper, no taste), of the item's mean and of the
    overall mean, on the ratings that the fold's shoppers gave after their questions; {} where the shop has no ratings
    or none can be held against a prediction.

    `stars` must have been fitted on the fold's past, `interactions` are all rows. Counted are products that had been
    rated, by shoppers who had rated, for the first time: all models answer the same ratings.
    """
    if stars is None or not len(fold):
        return {}
    rows, held = _held_out(fold, interactions)
    shoppers, asked = ProfileColumns.of(fold.profiles), interactions.items[held].astype(np.int64)
    predicted = stars.predicted(shoppers, rows, asked)
    biases = replace(stars, vectors=np.zeros_like(stars.vectors)).predicted(shoppers, rows, asked)
    told = ~np.isnan(predicted)
    rows, held, predicted, biases = rows[told], held[told], predicted[told], biases[told]
    if not len(held):
        return {}
    actual = interactions.values[held].astype(np.float64)
    models = {
        "svd": predicted,
        "biases_of_item_and_shopper": biases,
        "item_mean": _item_means(fold.past, len(stars.bias))[interactions.items[held]],
        "overall_mean": np.full(len(held), stars.mean),
    }
    return {
        name: {**asdict(rmse_interval(found, actual, rows)), "ratings": len(held)} for name, found in models.items()
    }


def worth_showing(errors: Mapping[str, Any]) -> bool:
    """Return whether shoppers may see predicted stars: not where the usual rating is as near.

    `errors` is what `rating_errors` found; where nothing could be measured, they are told.
    """
    return not errors or bool(errors["svd"]["value"] < errors["overall_mean"]["value"])


def rmse_interval(predicted: Doubles, actual: Doubles, shoppers: Longs) -> Interval:
    """Return the RMSE with its bootstrap interval over shoppers."""
    squared = bootstrap((predicted - actual) ** 2, shoppers=shoppers)
    return Interval(rmse(predicted, actual), math.sqrt(squared.low), math.sqrt(squared.high), squared.n)


def _held_out(fold: Fold, interactions: Interactions) -> tuple[Longs, Longs]:
    """Return the question (ascending) and the row of each rating to be predicted."""
    users, question = np.unique(fold.users, return_index=True)  # of a shopper asked about twice, the first question
    question_of = np.full(interactions.n_users, -1, np.int64)
    question_of[users] = question
    now = np.array([profile.now for profile in fold.profiles])
    rows = latest_ratings(interactions, until=np.inf)
    asked = question_of[interactions.users[rows]]
    later = (asked >= 0) & (interactions.times[rows] >= now[asked])
    rows, asked = rows[later], asked[later]
    n = int(interactions.items.max(initial=0)) + 1
    before = [at * n + one.items[one.signals == RATING].astype(np.int64) for at, one in enumerate(fold.profiles)]
    fresh = ~np.isin(asked * n + interactions.items[rows], np.concatenate(before))
    order = np.argsort(asked[fresh], kind="stable")
    return asked[fresh][order], rows[fresh][order]


def _item_means(past: Interactions, n_items: int) -> Doubles:
    rows = latest_ratings(past, until=np.inf)
    count = np.bincount(past.items[rows], minlength=n_items)
    means: Doubles = np.bincount(past.items[rows], past.values[rows], n_items) / np.maximum(count, 1)
    return means
