""" "We think 4.6 of 5" over HTTP: only for shoppers with ratings, in a shop whose ratings differ."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from recsys.data.dataset import build
from recsys.ranking.item_statistics import ItemStatistics
from tests.personalization.shop import (
    ADA,
    BO,
    does,
    inside,
    views,
)
from tests.recsys.furniture import (
    PRODUCTS,
    TASTES,
    history,
    items,
    model,
)

if TYPE_CHECKING:
    from rest_framework.test import APIClient

HOME = "/api/v1/recommendations/home"
SAID = re.compile(r"We think (\d\.\d) of 5")
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]


def rated(*, liked: float, disliked: float) -> pd.DataFrame:
    """Return the shop's history with ratings of bought and other products."""
    rows = [
        {
            "user_id": f"u{user}",
            "item_id": item,
            "timestamp": 1_750_000_000.0 + 86_400 * user + 100 + at,
            "event": "rating",
            "value": liked if item in TASTES[user % 4] else disliked,
        }
        for user in range(40)
        for at, item in enumerate(PRODUCTS)
    ]
    return pd.concat([history(), pd.DataFrame(rows)], ignore_index=True)


def release(*, liked: float, disliked: float, **manifest: Any) -> None:
    """Promote a model of the shop with ratings."""
    from modelops.services.registry import promote
    from tests.modelops.releases import passed_version

    rows = build(rated(liked=liked, disliked=disliked), items())
    statistics = ItemStatistics.fit(rows.interactions, rows.catalog, until=float(rows.interactions.times[-1]))
    bundle = model()
    promote(
        passed_version(replace(bundle, statistics=statistics, manifest={**bundle.manifest, **manifest})),
        actor="staff:1",
    )


def predicted_ratings(browser: "APIClient", who: dict[str, Any]) -> dict[str, float]:
    """Return the predicted stars of an answer by product."""
    answer = browser.get(HOME, {**who, "limit": 10}).json()
    reasons = {item["product_id"]: item["reason"] for item in answer["items"]}
    predictions = {name: reason for name, reason in reasons.items() if reason["code"] == "predicted_rating"}
    assert all(reason["product_ids"] == [] for reason in predictions.values())
    return {name: float(SAID.fullmatch(reason["text"])[1]) for name, reason in predictions.items()}  # type: ignore[index]


def test_shopper_with_ratings_gets_predictions(browser: "APIClient") -> None:
    release(liked=5, disliked=1)
    does(inside(ADA), "Product Reviewed", "rug", rating=5)
    does(inside(ADA), "Product Reviewed", "mug", rating=1)
    does(inside(ADA), "Product Reviewed", "desk", rating=1)

    stars = predicted_ratings(browser, ADA)

    assert "throw" in stars
    assert all(3.5 <= one <= 5 for one in stars.values())
    assert not {"chair", "bowl", "rug", "mug", "desk"} & set(stars)


@pytest.mark.parametrize(("liked", "has_prediction"), [(4.0, True), (2.0, False)])
def test_only_high_predictions_become_reasons(browser: "APIClient", liked: float, has_prediction: bool) -> None:
    release(liked=liked, disliked=1)
    for product, stars in (("rug", liked), ("mug", 1), ("desk", 1)):
        does(inside(ADA), "Product Reviewed", product, rating=stars)

    assert bool(predicted_ratings(browser, ADA)) is has_prediction


def test_shopper_without_ratings_gets_other_reasons(browser: "APIClient") -> None:
    release(liked=5, disliked=1)
    views(inside(BO), "rug")

    assert predicted_ratings(browser, BO) == {}


def test_constant_ratings_give_no_predictions(browser: "APIClient") -> None:
    release(liked=5, disliked=5)
    does(inside(ADA), "Product Reviewed", "rug", rating=5)

    assert predicted_ratings(browser, ADA) == {}


def test_inaccurate_predictions_are_not_shown(browser: "APIClient") -> None:
    release(liked=5, disliked=1, shows_predicted_ratings=False)
    does(inside(ADA), "Product Reviewed", "rug", rating=5)
    does(inside(ADA), "Product Reviewed", "mug", rating=1)

    assert predicted_ratings(browser, ADA) == {}


@pytest.mark.parametrize("differ", [True, False])
def test_one_star_is_a_dislike_only_if_ratings_differ(browser: "APIClient", differ: bool) -> None:
    release(liked=5, disliked=1 if differ else 5, ratings_differ=differ)
    does(inside(ADA), "Product Reviewed", "bowl", rating=1)
    views(inside(ADA), "rug")

    product_ids = {item["product_id"] for item in browser.get(HOME, {**ADA, "limit": 10}).json()["items"]}

    assert ("bowl" in product_ids) is not differ
