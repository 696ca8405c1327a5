"""A past moment knows nothing of products that appeared later: they are not proposed, and tell nothing of others."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from recsys.data.catalog import Catalog
from recsys.data.dataset import Dataset, build, without_contradicted_dates
from recsys.data.folds import Fold, temporal
from recsys.data.time_split import cut_times, rows_before
from recsys.ranking.item_statistics import ItemStatistics
from recsys.sources.fitting import fit_all
from recsys.training.plan import make_sources, ranked_sources
from recsys.training.ranking_dataset import LabeledCandidates, label_candidates
from recsys.training.training import Folds, train_on
from recsys.training.training import test_candidates as candidates_of
from tests.recsys.shop_history import (
    DAY,
    START,
    history,
    products,
)

LATER = [3, 8, 21, 34]
"""Codes of products that appear in the last fifth of the year."""
SHIFT = 5 * DAY


def shop(shift: float = 0.0) -> Dataset:
    """Return a shop whose `LATER` products are sold from the day on that they appear, at `shift` from day 290."""
    appeared = START + 290 * DAY
    rows = history()
    late = rows["item_id"].isin([f"i{code:03d}" for code in LATER])
    rows = rows[~late | (rows["timestamp"] >= appeared + SHIFT)]
    items = products().assign(first_seen=START - 40 * DAY)
    items.loc[LATER, "first_seen"] = appeared + shift
    return build(rows, items)


def fold_of(dataset: Dataset) -> Fold:
    start, end = cut_times(dataset.interactions.times, (0.6, 0.95))
    return temporal(dataset, start=start, end=end, new_only=False)


def training_candidates(dataset: Dataset) -> LabeledCandidates:
    """Return what every ranked source proposes on a past fold, with all features."""
    fold = fold_of(dataset)
    sources = fit_all(make_sources(ranked_sources(), {}), fold.past, fold.catalog)
    statistics = ItemStatistics.fit(fold.past, fold.catalog, until=fold.until)
    return label_candidates(sources, statistics, fold, quotas=dict.fromkeys(sources, 40))


def test_what_will_appear_is_not_proposed_and_its_date_changes_nothing() -> None:
    result, moved = training_candidates(shop()), training_candidates(shop(shift=SHIFT))

    assert len(result.candidates.items) > 1_000
    assert not np.isin(result.candidates.items, LATER).any()
    np.testing.assert_array_equal(result.candidates.items, moved.candidates.items)
    np.testing.assert_array_equal(result.features, moved.features)


def test_how_many_will_appear_changes_no_fact_of_what_is_there() -> None:
    """Where no product has a category, each that appears later would push all that are there one place back."""
    moment = START + 200 * DAY
    rows = history()
    rows = rows[rows["timestamp"] < moment]
    items = products().assign(category="", first_seen=START - 40 * DAY)
    later = items.iloc[:30].assign(item_id=lambda own: "later-" + own["item_id"], first_seen=moment + DAY)

    without, among = (build(rows, frame) for frame in (items, pd.concat([items, later])))
    alone, with_context = (
        ItemStatistics.fit(one.interactions, one.catalog.at(moment), until=moment) for one in (without, among)
    )

    there = slice(without.catalog.n_items)
    assert among.catalog.item_ids[there] == without.catalog.item_ids
    np.testing.assert_array_equal(with_context.table[there], alone.table)
    np.testing.assert_array_equal(with_context.rarity, alone.rarity)


def test_how_many_will_be_touched_first_later_changes_no_fact_where_there_is_no_catalog() -> None:
    moment = START + 200 * DAY
    rows = history()
    rows = rows[rows["timestamp"] < moment]
    later = rows.iloc[:30].assign(item_id=lambda own: "later-" + own["item_id"], timestamp=moment + DAY)

    without, among = (build(frame, None) for frame in (rows, pd.concat([rows, later])))
    alone, with_context = (
        ItemStatistics.fit(rows_before(one.interactions, moment), one.catalog.at(moment), until=moment)
        for one in (without, among)
    )

    there = slice(without.catalog.n_items)
    assert among.catalog.item_ids[there] == without.catalog.item_ids
    np.testing.assert_array_equal(with_context.table[there], alone.table)


def test_no_fold_of_a_training_proposes_what_appears_after_it() -> None:
    """Where the dates of what appears later are others, a training on earlier windows learns and proposes the same."""

    def learned(shift: float) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        dataset = shop(shift)
        days = (120, 170, 220, 270)
        learning, validation, test = (
            temporal(dataset, start=START + a * DAY, end=START + b * DAY, new_only=False) for a, b in pairwise(days)
        )
        training = train_on(Folds([learning], validation, test), names=("content", "new_arrivals", "popular"))
        candidates = candidates_of(training.model, test)
        return [one.features for one in training.datasets], candidates.candidates.items, candidates.features

    (datasets, items, features), (others, same_items, same_features) = learned(0.0), learned(SHIFT)

    assert not np.isin(items, LATER).any()
    assert len(datasets) == 2
    for mine, other in zip(datasets, others, strict=True):
        np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(items, same_items)
    np.testing.assert_array_equal(features, same_features)


def test_the_whole_catalog_is_the_catalog_of_today() -> None:
    catalog = shop().catalog

    assert catalog.at(START + 400 * DAY) is catalog
    assert build(history(), products()).catalog.at(0.0).titles != ()
    past = catalog.at(START + 100 * DAY)
    assert [past.titles[code] for code in LATER] == [""] * len(LATER)
    assert np.isnan(past.prices[LATER]).all()  # type: ignore[index]
    assert [past.titles[0], past.item_ids] == [catalog.titles[0], catalog.item_ids]


def test_dates_of_an_import_are_not_those_of_products() -> None:
    imported, last = START + 300 * DAY, START + 350 * DAY
    items = products().assign(first_seen=imported)
    items.loc[len(items)] = {"item_id": "never", "first_seen": imported}
    items.loc[len(items)] = {"item_id": "recent", "first_seen": last}

    catalog = build(history(), items).catalog

    dates = dict(zip(catalog.item_ids, catalog.first_seen.tolist(), strict=True))  # type: ignore[union-attr]
    assert {name for name, date in dates.items() if np.isnan(date)} == set(dates) - {"recent"}
    assert dates["recent"] == last


def test_what_nobody_touched_makes_the_dates_of_an_import_no_truer() -> None:
    rows = build(pd.DataFrame({"user_id": "ann", "item_id": ["a", "b"], "timestamp": [START, START]})).interactions
    listed = Catalog(tuple(f"{code:02d}" for code in range(42)), first_seen=np.full(42, START + 8 * DAY))

    result = without_contradicted_dates(listed, rows)

    assert result.first_seen is not None
    assert np.isnan(result.first_seen).all()


def test_what_happens_at_the_very_moment_is_a_fact_and_what_comes_later_is_none() -> None:
    rows = build(pd.DataFrame({"user_id": "ann", "item_id": ["a", "b"], "timestamp": [1.0, 2.0]})).interactions

    last = [ItemStatistics.fit(rows, Catalog(("a", "b")), until=moment).last.tolist() for moment in (1.0, 2.0)]

    assert last == [[1.0, pytest.approx(np.nan, nan_ok=True)], [1.0, 2.0]]


def test_a_word_is_as_rare_as_products_there_are_that_anything_is_told_of() -> None:
    rows = build(pd.DataFrame({"user_id": "ann", "item_id": list("abcd"), "timestamp": 1.0})).interactions
    rows = rows.select(np.array([2]))  # of "c" alone
    undated = Catalog(tuple("abcd"), attributes=(("red",), (), (), ()))
    dated = replace(undated, first_seen=np.array([np.nan, 0.5, np.nan, np.nan]))

    rarity = [ItemStatistics.fit(rows, shop, until=2.0).rarity.tolist() for shop in (undated, dated)]

    assert rarity == [[pytest.approx(np.log(1 + 4))], [pytest.approx(np.log(1 + 3))]], "d was not there in the second"


def test_a_single_product_touched_before_its_first_day_appeared_when_it_was_touched() -> None:
    dataset = shop()
    wrong = dataset.catalog.first_seen.copy()  # type: ignore[union-attr]
    wrong[0] = START + 200 * DAY
    first = dataset.interactions.times[dataset.interactions.items == 0].min()

    result = without_contradicted_dates(replace(dataset.catalog, first_seen=wrong), dataset.interactions)

    assert result.first_seen is not None
    assert result.first_seen[0] == first
    np.testing.assert_array_equal(result.first_seen[1:], wrong[1:])


def test_products_sold_days_before_a_feed_lists_them_keep_their_dates() -> None:
    first = build(history(), products()).interactions
    touched = np.array([first.times[first.items == code].min() for code in range(40)])

    result = build(history(), products().assign(first_seen=touched + 3 * DAY)).catalog

    np.testing.assert_array_equal(result.first_seen, touched)


@pytest.mark.parametrize("frame", [pd.DataFrame({"item_id": ["i000"], "first_seen": [None]}), None])
def test_a_catalog_without_dates_is_as_it_was(frame: pd.DataFrame | None) -> None:
    catalog = build(history(), frame).catalog

    assert catalog.at(START) is catalog
