"""A feature is the same number for one shopper in a request and for many in training, and never knows the future."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from recsys.data.dataset import build
from recsys.data.folds import ROWS, Fold, temporal
from recsys.data.profile import Context, Profile
from recsys.data.time_split import cut_times
from recsys.ranking import candidates
from recsys.ranking.affinity import AFFINITY_FEATURES, enter_affinity_features
from recsys.ranking.candidates import Candidates, gather
from recsys.ranking.features import _share_of_top_score, feature_names, features
from recsys.ranking.item_statistics import COLUMNS, ItemStatistics, attribute_rows
from recsys.ranking.profile_columns import Pairs, ProfileColumns
from recsys.sources.registry import make
from tests.recsys import shops
from tests.recsys.shop_history import history, products

QUOTAS = {"personal_top": 20, "popular": 20}


def three_questions() -> tuple[Fold, ItemStatistics, Candidates]:
    """Return the questions of the small shop's last three tenths, its statistics until then, and the candidates."""
    dataset = build(history(), products())
    start = cut_times(dataset.interactions.times, [0.7])[0]
    fold = temporal(dataset, start=start, end=float("inf"), new_only=False)
    sources = {name: make(name).fit(fold.past, dataset.catalog) for name in QUOTAS}
    statistics = ItemStatistics.fit(fold.past, dataset.catalog, until=start)
    result = gather(sources, fold.profiles, fold.contexts, quotas=QUOTAS, n_items=dataset.catalog.n_items)
    return fold, statistics, result


def test_one_shopper_and_many_give_the_same_features() -> None:
    dataset = build(history(), products())
    start = cut_times(dataset.interactions.times, [0.7])[0]
    fold = temporal(dataset, start=start, end=float("inf"), new_only=False)
    sources = {name: make(name).fit(fold.past, dataset.catalog) for name in QUOTAS}
    statistics = ItemStatistics.fit(fold.past, dataset.catalog, until=start)

    n = dataset.catalog.n_items
    many = gather(sources, fold.profiles, fold.contexts, quotas=QUOTAS, n_items=n)
    together = features(many, fold.profiles, fold.contexts, statistics)
    for row in (0, 7, len(fold) - 1):
        one = gather(sources, [fold.profiles[row]], [fold.contexts[row]], quotas=QUOTAS, n_items=n)
        alone = features(one, [fold.profiles[row]], [fold.contexts[row]], statistics)

        assert one.items.tolist() == many.items[many.rows == row].tolist()
        np.testing.assert_array_equal(alone, together[many.rows == row])


def test_some_pairs_have_the_features_that_they_have_among_all() -> None:
    fold, statistics, result = three_questions()
    together = features(result, fold.profiles, fold.contexts, statistics)

    kept = np.random.default_rng(7).random(len(result.rows)) < 0.3
    some = features(result, fold.profiles, fold.contexts, statistics, subset=kept)
    np.testing.assert_array_equal(some, together[kept])


def test_many_chunks_give_the_same_candidates_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = build(history(), products())
    start = cut_times(dataset.interactions.times, [0.7])[0]
    fold = temporal(dataset, start=start, end=float("inf"), new_only=False)
    quotas = {**QUOTAS, "item_knn": 20, "user_knn": 20}
    sources = {name: make(name).fit(fold.past, dataset.catalog) for name in quotas}
    n = dataset.catalog.n_items
    whole = gather(sources, fold.profiles, fold.contexts, quotas=quotas, n_items=n)

    monkeypatch.setattr(candidates, "CHUNK_CELLS", 3 * n)
    monkeypatch.setattr(candidates, "MIN_CHUNK_ROWS", 1)
    parted = gather(sources, fold.profiles, fold.contexts, quotas=quotas, n_items=n)

    for name in ("rows", "items", "scores", "ranks"):
        np.testing.assert_array_equal(getattr(parted, name), getattr(whole, name))


def test_facts_ignore_what_comes_after_their_moment() -> None:
    dataset = build(history(), products())
    start = cut_times(dataset.interactions.times, [0.5])[0]
    past = temporal(dataset, start=start, end=float("inf"), new_only=False).past

    with_future = ItemStatistics.fit(dataset.interactions, dataset.catalog, until=np.nextafter(start, 0))
    without = ItemStatistics.fit(past, dataset.catalog, until=np.nextafter(start, 0))

    np.testing.assert_array_equal(with_future.table, without.table)
    np.testing.assert_array_equal(with_future.last, without.last)


def test_own_history_is_counted_and_timed() -> None:
    dataset = build(history(), products())
    start = cut_times(dataset.interactions.times, [0.7])[0]
    fold = temporal(dataset, start=start, end=float("inf"), new_only=False)
    source = {"personal_top": make("personal_top").fit(fold.past, dataset.catalog)}
    statistics = ItemStatistics.fit(fold.past, dataset.catalog, until=start)

    result = gather(
        source, fold.profiles[:1], fold.contexts[:1], quotas={"personal_top": 5}, n_items=statistics.n_items
    )
    seen = features(result, fold.profiles[:1], fold.contexts[:1], statistics)

    names = feature_names(result.sources)
    profile, item = fold.profiles[0], result.items[0]
    own = profile.times[profile.items == item]
    assert seen[0, names.index("own_times")] == len(own)
    assert seen[0, names.index("own_idle")] == np.float32((start - own[-1]) / 86_400)
    assert seen[0, names.index("category_share")] == 1.0


def test_of_who_did_nothing_it_is_unknown_how_often_they_repeat() -> None:
    """As on the page of a product that a visitor comes to first: there the ranker is asked about an empty history."""
    dataset = build(history(), products())
    rows = dataset.interactions
    sources = {"popular": make("popular").fit(rows, dataset.catalog)}
    statistics = ItemStatistics.fit(rows, dataset.catalog, until=float(rows.times[-1]))
    nobody, context = Profile.empty(float(rows.times[-1])), Context(items=(0,))

    result = gather(sources, [nobody], [context], quotas={"popular": 3}, n_items=statistics.n_items)
    seen = dict(
        zip(feature_names(result.sources), features(result, [nobody], [context], statistics)[0].tolist(), strict=True)
    )

    assert [seen[name] for name in ("events", "visits", "items", "bought")] == [0, 0, 0, 0]
    assert np.isnan([seen[name] for name in ("idle", "since_first", "repeat_share", "visit_gap")]).all()


def test_kin_of_a_context_is_told() -> None:
    dataset = build(history(), products())
    rows = dataset.interactions
    sources = {"popular": make("popular").fit(rows, dataset.catalog)}
    statistics = ItemStatistics.fit(rows, dataset.catalog, until=float(rows.times[-1]))
    fold = temporal(dataset, start=float(rows.times[-1]), end=float("inf"), new_only=False)
    context = replace(Context(), items=(0,))

    result = gather(sources, fold.profiles[:1], [context], quotas={"popular": 40}, n_items=statistics.n_items)
    seen = features(result, fold.profiles[:1], [context], statistics)

    same = seen[:, feature_names(result.sources).index("context_category")]
    np.testing.assert_array_equal(same, (result.items % 2 == 0).astype(np.float32))


def test_the_stars_of_a_product_are_those_of_its_ratings_alone() -> None:
    rows = [(0, 0, 1.0, "rating"), (1, 0, 2.0, "view"), (1, 1, 3.0, "view")]
    data = shops.interactions(rows, n_users=2)
    data = replace(data, values=np.array([5.0, 1.0, 1.0], np.float32))

    stars = ItemStatistics.fit(data, shops.catalog(2), until=9.0).table[:, COLUMNS.index("stars")]

    np.testing.assert_array_equal(stars, [5.0, np.nan])


def test_one_long_attribute_costs_no_more_than_its_length() -> None:
    names = ("color=red", "color=blue", "care=" + "wash cold " * 5_000)
    shop = replace(shops.catalog(3_000), attributes=tuple((names[at % 2],) for at in range(2_999)) + ((names[2],),))

    tracemalloc.start()
    starts, codes, rarity = attribute_rows(shop, n_known=shop.n_items)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert len(rarity) == 3
    assert codes[[0, 1, 2_999]].tolist() == [2, 1, 0]
    assert starts[-1] == 3_000
    assert peak < 5_000_000


def test_what_is_given_beside_a_list_sets_no_scale_for_it() -> None:
    scores = np.array([[8.0], [4.0], [2.0]], np.float32)
    ranks = np.array([[np.nan], [0.0], [1.0]], np.float32)
    result = Candidates(np.zeros(3, np.int64), np.array([5, 1, 2], np.int32), scores, ranks, ("popular",), 1)

    assert _share_of_top_score(result)[:, 0].tolist() == [2.0, 1.0, 0.5]


def test_what_a_shopper_dislikes_speaks_for_nothing_of_its_kind() -> None:
    dataset = build(history(), products())
    rows, catalog = dataset.interactions, dataset.catalog
    statistics = ItemStatistics.fit(rows, catalog, until=float(rows.times[-1]))
    items, times = np.array([0, 1, 2], np.int32), np.array([1.0, 2.0, 3.0])
    whole = replace(Profile.empty(9.0), items=items, times=times, signals=np.zeros(3, np.int8),
                    weights=np.array([0, 1, 1], np.float32), values=np.full(3, np.nan, np.float32))  # fmt: skip
    liked = replace(whole, **{name: getattr(whole, name)[1:] for name in ROWS})
    nothing = replace(whole, **{name: getattr(whole, name)[:1] for name in ROWS})

    def features_of(profile: Profile) -> np.ndarray:
        pairs = Pairs(np.array([0, catalog.n_items]), np.arange(catalog.n_items))
        matrix = np.empty((catalog.n_items, len(AFFINITY_FEATURES)), np.float32)
        enter_affinity_features(ProfileColumns.of([profile]).events, pairs, statistics.columns, matrix, 0)
        return matrix

    np.testing.assert_array_equal(features_of(whole), features_of(liked))
    np.testing.assert_array_equal(features_of(nothing), features_of(Profile.empty(9.0)))
    assert not np.array_equal(
        features_of(whole), features_of(replace(whole, weights=np.ones(3, np.float32))), equal_nan=True
    )
