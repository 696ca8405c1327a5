"""Clusters: they find planted groups, learn in batches, keep their identity, and say what makes them different."""

from typing import get_args

import numpy as np
import orjson
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from profiles.segments.online.clustering import Clustering, Engine, Labels, learn, start, with_clusters
from profiles.segments.online.description import description, differences, name
from profiles.segments.online.features import FEATURES, Rows, category_shares, features_for, vector
from profiles.segments.online.identity import keys_after, matches
from profiles.segments.online.number import best_number, silhouettes
from profiles.segments.online.scale import Scale
from tests.profiles.segments.shoppers import did, shopper

ENGINES = get_args(Engine)


def planted(*, groups: int = 4, n: int = 3000, distance: float = 5.0, seed: int = 5) -> tuple[Rows, Labels]:
    """Return rows around centers, and the center of each; columns have very different units."""
    random = np.random.default_rng(seed)
    centers = random.normal(0, 1, (groups, len(FEATURES)))
    centers *= distance / np.linalg.norm(centers[0] - centers[1])
    truth = random.integers(0, groups, n)
    units = np.logspace(-1, 2, len(FEATURES))
    return (centers[truth] + random.normal(0, 1, (n, len(FEATURES)))) * units, truth


def learned(rows: Rows, *, engine: Engine, groups: int = 4) -> Clustering:
    clustering = start(rows[:600], FEATURES, n_clusters=groups, engine=engine, seed=1)
    for first in range(600, len(rows), 400):
        clustering = learn(clustering, rows[first : first + 400], seed=1)
    return clustering


@pytest.mark.parametrize("engine", ENGINES)
def test_batches_find_the_groups_that_all_rows_at_once_find(engine: Engine) -> None:
    rows, truth = planted(distance=5)
    offline = KMeans(4, n_init=4, random_state=0).fit_predict(Scale.of(rows).standardized(rows))

    online = learned(rows, engine=engine).assign(rows)

    assert adjusted_rand_score(truth, online) >= 0.95 * adjusted_rand_score(truth, offline) > 0.6


@pytest.mark.parametrize("engine", ENGINES)
def test_a_state_is_json_and_learns_on_as_if_it_had_not_been_stored(engine: Engine) -> None:
    rows, _ = planted(n=1500)
    clustering = learned(rows[:1000], engine=engine)

    restored = Clustering.from_json(orjson.loads(orjson.dumps(clustering.to_json())))

    np.testing.assert_allclose(restored.centers(), clustering.centers())
    batch = rows[1000:]
    np.testing.assert_array_equal(
        learn(restored, batch, seed=2).assign(batch), learn(clustering, batch, seed=2).assign(batch)
    )


def test_a_damaged_state_is_refused() -> None:
    state = learned(planted(n=1000)[0], engine="kmeans").to_json()

    with pytest.raises(ValueError, match="damaged"):
        Clustering.from_json({**state, "prototypes": []})


def test_the_scale_is_the_same_in_batches_and_ignores_missing_values() -> None:
    rows, _ = planted(n=500)
    rows[::7, 2] = np.nan

    whole, batches = Scale.of(rows), Scale.of(rows[:100]).with_rows(rows[100:101]).with_rows(rows[101:])

    np.testing.assert_allclose(batches.mean, np.nanmean(rows, axis=0))
    np.testing.assert_allclose(batches.deviation, whole.deviation)
    assert whole.standardized(rows)[0, 2] == 0.0


def test_the_number_of_clusters_comes_from_the_data_and_is_not_changed_for_a_trifle() -> None:
    rows, _ = planted(groups=3, distance=8)

    scores = silhouettes(Scale.of(rows).standardized(rows), seed=0)

    assert best_number(scores) == 3
    assert best_number({3: 0.50, 4: 0.51}, current=3) == 3
    assert best_number({3: 0.50, 4: 0.56}, current=3) == 4
    assert best_number({}) == 1


def test_clusters_keep_their_keys_over_refits_whatever_number_the_fit_gives_them() -> None:
    before, after = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2]), np.array([2, 2, 2, 0, 0, 0, 1, 1, 3, 3])

    old_of = matches(before, after, n_before=3, n_after=4)

    assert old_of[0] == 1
    assert old_of[2] == 0
    assert sorted([old_of[1], old_of[3]], key=str) == [2, None]
    assert keys_after([7, 8, 9], old_of, next_key=12)[0:3:2] == [8, 7]
    assert 12 in keys_after([7, 8, 9], old_of, next_key=12)


def test_a_cluster_that_shares_too_little_is_a_new_one() -> None:
    before, after = np.zeros(10, np.int64), np.array([0] * 2 + [1] * 8)

    assert matches(before, after, n_before=1, n_after=2) == [None, 0]


def test_of_unchanged_behavior_nearly_all_keep_their_key_over_ten_refits() -> None:
    rows, _ = planted(n=2000, distance=3.5)
    clustering = learned(rows, engine="kmeans")
    first = before = clustering.assign(rows)
    keys = list(range(4))
    for round_number in range(10):
        batch, _ = planted(n=2000, distance=3.5, seed=5)
        clustering = learn(clustering, batch, seed=round_number)
        after = clustering.assign(rows)
        keys = keys_after(keys, matches(before, after, n_before=4, n_after=4), next_key=4)
        before = after

    assert np.mean(np.array(keys)[before] == first) >= 0.95


def test_another_number_of_clusters_keeps_features_and_scale() -> None:
    rows, _ = planted(n=1000)
    clustering = learned(rows, engine="kmeans")

    other = with_clusters(clustering, rows, n_clusters=3, seed=0)

    assert (other.n_clusters, other.features) == (3, clustering.features)


def test_fewer_distinct_shoppers_than_clusters_are_no_error() -> None:
    rows = np.repeat(planted(n=2)[0], 20, axis=0)

    assert start(rows, FEATURES, n_clusters=4, engine="kmeans", seed=0).n_clusters == 2
    assert start(rows, FEATURES, n_clusters=4, engine="birch", seed=0).n_clusters == 2


def test_a_vector_holds_counts_prices_and_shares() -> None:
    ada = shopper(did("view", "chair"), did("view", "rose"), did("cart", "chair"))
    features = features_for([dict(ada.traits)])

    numbers = dict(zip((one.path for one in features), vector(ada.traits, features), strict=True))

    assert numbers["action_counts.view"] == pytest.approx(np.log1p(2))
    assert numbers["rfm.frequency"] == 0.0
    assert numbers["category:Furniture"] == 0.8
    assert category_shares(ada.traits) == {"Furniture": 0.8, "Garden": 0.2}
    assert np.isnan(vector({}, features)[0])


def test_what_differs_is_said_in_words_and_names_stay_apart() -> None:
    rng = np.random.default_rng(0)
    rows = np.log1p(np.abs(rng.normal(3, 0.5, (400, len(FEATURES)))))
    rows[:200, 4] = np.log1p(40 + rng.normal(0, 1, 200))
    clustering = start(rows, FEATURES, n_clusters=2, engine="kmeans", seed=0)
    often, rarely = sorted(differences(clustering), key=lambda own: -own[0].deviations)

    assert often[0].phrase == "orders often"
    assert description(often).startswith("orders 40 (all: ")
    first = name(often, other_names=())
    assert first.startswith("Orders often")
    assert name(often, other_names=(first,)) != first
    assert name(rarely, other_names=()).startswith("Orders rarely")


def test_money_is_compared_by_its_logarithm() -> None:
    ada = shopper(did("view"), did("purchase", order_id="O1", price=20.0))

    assert vector(ada.traits, FEATURES)[5] == pytest.approx(np.log1p(20.0))
