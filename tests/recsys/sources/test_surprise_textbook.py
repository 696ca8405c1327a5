"""The textbook Surprise example runs on rows of our shape, and ours learns the same stars from them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from surprise import SVD, Dataset, Reader, accuracy
from surprise.model_selection import train_test_split

from recsys.data.interactions import Interactions
from recsys.data.profile import Profile
from recsys.data.signals import SIGNAL_CODES
from recsys.ranking.predicted_ratings import RatingPredictor
from tests.recsys import shops


@pytest.fixture
def rated() -> Interactions:
    """Return 60 shoppers who rate 20 items each: 5 stars for their own kind, 2 for the other, noise of half a star."""
    rng = np.random.default_rng(7)
    rows = [
        (user, int(item), shops.START + user * 100 + place, "rating")
        for user in range(60)
        for place, item in enumerate(rng.permutation(40)[:20])
    ]
    data = shops.interactions(rows, n_users=60)
    stars = np.where(data.users % 2 == data.items % 2, 5.0, 2.0) + rng.choice([-0.5, 0, 0.5], len(data))
    return replace(data, values=np.clip(stars, 1, 5).astype(np.float32))


def test_load_split_fit_predict(rated: Interactions) -> None:
    frame = pd.DataFrame({"user_id": rated.users, "item_id": rated.items, "value": rated.values})
    frame = frame.astype({"user_id": str, "item_id": str})
    data = Dataset.load_from_df(frame, Reader(rating_scale=(1, 5)))
    trainset, testset = train_test_split(data, test_size=0.25, random_state=7)
    model = SVD(n_factors=50, n_epochs=20, reg_all=0.1, random_state=7)

    model.fit(trainset)
    prediction = model.predict(uid="0", iid="2")

    assert 1 <= prediction.est <= 5
    assert not prediction.details["was_impossible"]
    blind = accuracy.rmse([(*one, trainset.global_mean, {}) for one in testset], verbose=False)
    assert accuracy.rmse(model.test(testset), verbose=False) < blind - 0.2


def test_ours_predicts_stars_of_a_folded_in_shopper(rated: Interactions) -> None:
    model = RatingPredictor.fit(rated, 40, until=float(rated.times[-1]))
    assert model is not None

    taste = model.taste(shopper({0: 5.0, 2: 5.0, 4: 4.5, 1: 2.0, 3: 1.5, 5: 2.0}))
    assert taste is not None
    liked, disliked, unknown = model.predict_from_taste(taste, np.array([10, 11, 99])).tolist()

    assert 1 <= disliked < liked <= 5
    assert liked > 3.8
    assert disliked < 3.2
    assert np.isnan(unknown)


def shopper(stars: dict[int, float]) -> Profile:
    n = len(stars)
    return Profile(
        items=np.array(list(stars), np.int32),
        times=shops.START + np.arange(n, dtype=np.float64),
        signals=np.full(n, SIGNAL_CODES["rating"], np.int8),
        weights=np.ones(n, np.float32),
        values=np.array(list(stars.values()), np.float32),
        now=shops.START + n,
    )
