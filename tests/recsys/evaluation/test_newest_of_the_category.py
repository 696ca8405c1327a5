"""What the newest of the category a shopper was in last are, and how often they hit products nobody touched yet."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recsys.data.dataset import Dataset, build
from recsys.data.folds import Fold, temporal
from recsys.evaluation.newest_baseline import newest_hit_rate, newest_in_last_category
from recsys.ranking.item_statistics import ItemStatistics

CUT = 100.0


def shop(*, categories: bool = True) -> tuple[Dataset, Fold]:
    """Return a shop of two categories; before the cut Ann was in A last and Bob in B, then both take a new one of A."""
    rows = [
        ("ann", "b1", 1),
        ("ann", "a1", 2),
        ("bob", "a2", 3),
        ("bob", "b1", 4),
        ("ann", "a3", 101),
        ("bob", "a3", 102),
    ]
    seen = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]).assign(event="view", value=1.0)
    listed = pd.DataFrame({"item_id": ["a1", "a2", "a3", "b1", "b2"]})
    if categories:
        listed["category"] = listed.item_id.str[0].str.upper()
    dataset = build(seen, listed)
    return dataset, temporal(dataset, start=CUT, end=float("inf"), new_only=True)


def test_untouched_products_come_first_then_the_newest_and_none_the_shopper_had() -> None:
    dataset, fold = shop()
    statistics = ItemStatistics.fit(fold.past, dataset.catalog, until=fold.until)

    result = newest_in_last_category(statistics, fold, k=3)

    named = [[dataset.catalog.item_ids[at] for at in row if at >= 0] for row in result.tolist()]
    assert dict(zip(np.array(dataset.user_ids)[fold.users].tolist(), named, strict=True)) == {
        "ann": ["a3", "a2"],
        "bob": ["b2"],
    }
    again = newest_in_last_category(statistics, replace(fold, new_only=False), k=3).tolist()
    assert sorted([dataset.catalog.item_ids[at] for at in row if at >= 0] for row in again) == [
        ["a3", "a2", "a1"],
        ["b2", "b1"],
    ], "where products are taken again, what they had is on the shelf too"


def test_of_a_product_without_category_the_one_before_counts() -> None:
    dataset, fold = shop()
    statistics = ItemStatistics.fit(fold.past, dataset.catalog, until=fold.until)
    whole = newest_in_last_category(statistics, fold, k=3)
    statistics.category[dataset.catalog.item_ids.index("a1")] = -1  # Ann's last; before, she was in B

    result = newest_in_last_category(statistics, fold, k=3)

    ann = dataset.user_ids[fold.users[1]] == "ann"
    assert [dataset.catalog.item_ids[at] for at in result[int(ann)] if at >= 0] == ["b2"]
    assert result[1 - int(ann)].tolist() == whole[1 - int(ann)].tolist()
    assert newest_in_last_category(statistics, fold, k=1).tolist() == result[:, :1].tolist()
    statistics.category[:] = np.where(
        statistics.category == statistics.category[dataset.catalog.item_ids.index("a2")], 0, -1
    )
    bob = newest_in_last_category(statistics, fold, k=1)[1 - int(ann)]
    assert dataset.catalog.item_ids[bob[0]] == "a3", "the one category that is left is the one he was in before"


def test_how_often_they_are_hit() -> None:
    dataset, fold = shop()
    warm, plain = temporal(dataset, start=4.0, end=CUT, new_only=True), shop(categories=False)

    assert newest_hit_rate([fold]) == pytest.approx(0.5), "Ann's, not Bob's"
    assert newest_hit_rate([fold, warm]) == pytest.approx(0.5), "who wants no new one is not counted"
    assert newest_hit_rate([warm]) == 0.0
    assert newest_hit_rate([plain[1]]) == 0.0, "no categories"
