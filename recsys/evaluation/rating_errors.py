"""The RMSE of predicted stars against later ratings, beside simple baselines."""

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


def rating_errors(predictor: RatingPredictor | None, fold: Fold, interactions: Interactions) -> Mapping[str, Any]:
    """Return the RMSE of SVD, of its biases alone, of the item mean and of the overall mean, as JSON values.

    The ratings are those that the fold's shoppers gave after their questions. {} where none has a prediction.
    `predictor` must be fitted on the fold's past; `interactions` are all rows. Only a shopper's first rating of an item
    counts, if both had ratings before: all four models predict the same ratings.
    """
    if predictor is None or not len(fold):
        return {}
    rows, rating_rows = _held_out(fold, interactions)
    histories, items = ProfileColumns.of(fold.profiles), interactions.items[rating_rows].astype(np.int64)
    predicted = predictor.predict(histories, rows, items)
    biases = replace(predictor, vectors=np.zeros_like(predictor.vectors)).predict(histories, rows, items)
    is_predicted = ~np.isnan(predicted)
    rows, rating_rows, predicted, biases = (
        rows[is_predicted],
        rating_rows[is_predicted],
        predicted[is_predicted],
        biases[is_predicted],
    )
    if not len(rating_rows):
        return {}
    actual = interactions.values[rating_rows].astype(np.float64)
    models = {
        "svd": predicted,
        "biases_of_item_and_shopper": biases,
        "item_mean": _item_means(fold.past, len(predictor.bias))[interactions.items[rating_rows]],
        "overall_mean": np.full(len(rating_rows), predictor.mean),
    }
    return {
        name: {**asdict(rmse_interval(predictions, actual, rows)), "ratings": len(rating_rows)}
        for name, predictions in models.items()
    }


def worth_showing(errors: Mapping[str, Any]) -> bool:
    """Return whether predicted stars may be shown: SVD has a lower RMSE than the overall mean.

    `errors` is the result of `rating_errors`; without measurements they are shown.
    """
    return not errors or bool(errors["svd"]["value"] < errors["overall_mean"]["value"])


def rmse_interval(predicted: Doubles, actual: Doubles, shoppers: Longs) -> Interval:
    """Return the RMSE with its bootstrap interval over shoppers."""
    squared = bootstrap((predicted - actual) ** 2, shoppers=shoppers)
    return Interval(rmse(predicted, actual), math.sqrt(squared.low), math.sqrt(squared.high), squared.n)


def _held_out(fold: Fold, interactions: Interactions) -> tuple[Longs, Longs]:
    """Return the question (ascending) and the row of `interactions` of each rating to predict."""
    users, question = np.unique(fold.users, return_index=True)  # the first question of each shopper
    question_of = np.full(interactions.n_users, -1, np.int64)
    question_of[users] = question
    now = np.array([profile.now for profile in fold.profiles])
    rows = latest_ratings(interactions, until=np.inf)
    questions = question_of[interactions.users[rows]]
    is_later = (questions >= 0) & (interactions.times[rows] >= now[questions])
    rows, questions = rows[is_later], questions[is_later]
    n = int(interactions.items.max(initial=0)) + 1
    rated_pairs = [at * n + one.items[one.signals == RATING].astype(np.int64) for at, one in enumerate(fold.profiles)]
    is_first_rating = ~np.isin(questions * n + interactions.items[rows], np.concatenate(rated_pairs))
    order = np.argsort(questions[is_first_rating], kind="stable")
    return questions[is_first_rating][order], rows[is_first_rating][order]


def _item_means(past: Interactions, n_items: int) -> Doubles:
    rows = latest_ratings(past, until=np.inf)
    count = np.bincount(past.items[rows], minlength=n_items)
    means: Doubles = np.bincount(past.items[rows], past.values[rows], n_items) / np.maximum(count, 1)
    return means
