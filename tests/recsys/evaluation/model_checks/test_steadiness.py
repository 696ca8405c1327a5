"""Two models are compared by product, whatever code each counts it by; another shop overnight raises the alarm."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recsys.data.dataset import Dataset, build
from recsys.data.folds import Fold, temporal
from recsys.data.profile import Profile
from recsys.evaluation.model_checks.stability import codes_in, model_stability, recoded
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.sources.registry import make
from tests.recsys.shop_history import DAY, START, history


def bundle_of(dataset: Dataset, *sources: str) -> HybridModel:
    rows, catalog = dataset.interactions, dataset.catalog
    return HybridModel(
        catalog=catalog,
        sources={name: make(name).fit(rows, catalog) for name in sources},
        statistics=ItemStatistics.fit(rows, catalog, until=float(rows.times[-1])),
        ranker=None,
        quotas=dict.fromkeys(sources, 50),
        blend=dict.fromkeys(sources, 1.0),
        manifest={"stage": "blend", "single": sources[0]},
    )


@pytest.fixture(scope="module")
def fresh() -> Dataset:
    """The data of today: two products more than yesterday, one at each end of the list of codes."""
    more = pd.DataFrame(
        {"user_id": "u000", "item_id": ["a-first", "z-last"], "timestamp": START, "event": "purchase", "value": 1.0}
    )
    return build(pd.concat([history(), more]))


@pytest.fixture(scope="module")
def test_fold(fresh: Dataset) -> Fold:
    return temporal(fresh, start=START + 300 * DAY, end=float("inf"), new_only=False)


def test_the_same_model_over_other_codes_is_steady(fresh: Dataset, test_fold: Fold) -> None:
    check = model_stability(bundle_of(build(history()), "personal_top"), bundle_of(fresh, "personal_top"), test_fold)

    assert check.passed
    assert check.value > 0.9


def test_a_model_that_answers_otherwise_is_not(fresh: Dataset, test_fold: Fold) -> None:
    check = model_stability(bundle_of(build(history()), "random"), bundle_of(fresh, "personal_top"), test_fold)

    assert not check.passed
    assert check.grade == "alarms"


def test_what_the_other_catalog_lacks_is_left_out() -> None:
    known, other = build(history()).catalog, build(history(items=20)).catalog
    codes = codes_in(other, known.item_ids)
    profile = replace(
        Profile.empty(1.0), items=np.array([3, 30, 0], np.int32), times=np.array([0.1, 0.2, 0.3]),
        signals=np.array([0, 0, 1], np.int8), weights=np.ones(3, np.float32), values=np.array([1, 2, 3], np.float32),
    )  # fmt: skip

    assert (codes[3], codes[30]) == (3, -1)
    result = recoded(profile, codes, np.arange(12, dtype=np.float32) + 2.5)

    assert (result.items.tolist(), result.times.tolist(), result.values.tolist()) == ([3, 0], [0.1, 0.3], [1, 3])
    assert result.weights.tolist() == [2.5, 3.5], "the live model is asked with the weights that it was trained with"
    disliked = replace(profile, weights=np.array([0, 1, 1], np.float32))
    assert recoded(disliked, codes, np.full(12, 2.5, np.float32)).weights.tolist() == [0, 2.5]
