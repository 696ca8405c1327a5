"""What follows the newest product, and the visit: numbers by hand, and the same for one shopper and for many."""

import numpy as np
import pytest

from recsys.data.catalog import Catalog
from recsys.data.profile import Context, Profile
from recsys.data.signals import VIEW
from recsys.ranking.candidates import concatenate_candidates, gather
from recsys.ranking.features import feature_names, features
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.visit import VISIT_FEATURES, following, newest_items
from recsys.sources.registry import make
from tests.recsys.shops import START, interactions

QUOTAS = {"covisitation": 5, "popular": 5}
PRICES = np.array([3.0, 15.0, np.nan, 7.0], np.float32)
CATALOG = Catalog(item_ids=("tea", "pot", "cup", "jar"), prices=PRICES)
VIEWS = ((0, 0, 0.0), (0, 1, 60.0), (1, 0, 70.0), (1, 2, 80.0), (1, 1, 101.0))
PAST = interactions([(user, item, START + at, "view") for user, item, at in VIEWS], n_users=2)


def profile(*events: tuple[int, float], now: float) -> Profile:
    n = len(events)
    return Profile(
        items=np.array([item for item, _ in events], np.int32),
        times=np.array([START + at for _, at in events], np.float64),
        signals=np.full(n, VIEW, np.int8),
        weights=np.ones(n, np.float32),
        values=np.zeros(n, np.float32),
        now=START + now,
    )


PROFILES = [
    profile((2, 0.0), (1, 50_000.0), (0, 50_060.0), (1, 50_120.0), (0, 50_180.0), now=50_300.0),
    profile(now=60_000.0),
    profile((3, 60_000.0), now=60_000.0),
]
CONTEXTS = [Context(), Context(), Context(page=3)]


def columns() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the pairs (question, item), and each feature of them."""
    sources = {name: make(name).fit(PAST, CATALOG) for name in QUOTAS}
    statistics = ItemStatistics.fit(PAST, CATALOG, until=START + 1_000)
    pairs = gather(sources, PROFILES, CONTEXTS, quotas=QUOTAS, n_items=4, fixed_items=np.arange(4, dtype=np.int32))
    values = features(pairs, PROFILES, CONTEXTS, statistics)
    for row in range(len(PROFILES)):
        one = gather(
            sources, PROFILES[row : row + 1], CONTEXTS[row : row + 1], quotas=QUOTAS, n_items=4,
            fixed_items=np.arange(4, dtype=np.int32),
        )  # fmt: skip
        alone = features(one, PROFILES[row : row + 1], CONTEXTS[row : row + 1], statistics)
        np.testing.assert_array_equal(alone, values[pairs.rows == row])
    return pairs.rows, dict(zip(feature_names(tuple(QUOTAS)), values.T, strict=True))


def test_a_table_of_items_tells_what_follows_the_newest_one_alone() -> None:
    source = make("covisitation").fit(PAST, CATALOG)
    _, by_name = columns()

    after_tea = source.scores(Profile.empty(START), Context(items=(0,)))
    assert following(("covisitation", "popular")) == ("covisitation",)
    assert newest_items(PROFILES).tolist() == [0, -1, 3]
    assert by_name["covisitation_after"][:4] == pytest.approx(after_tea / after_tea.max())
    assert by_name["covisitation_after"].max() == 1
    assert by_name["covisitation_after"][4:].tolist() == [0] * 8, "nothing is known of a newcomer, nor of a new product"


def test_a_visit_is_what_came_since_the_last_pause() -> None:
    _, by_name = columns()
    nan = np.nan
    expected: dict[str, list[float]] = {
        "visit_events": [4, 0, 1],
        "visit_items": [2, 0, 1],
        "visit_minutes": [5, nan, 0],
        "page": [0, 0, 1],
    }
    for name, values in expected.items():
        assert by_name[name] == pytest.approx(np.repeat(values, 4), nan_ok=True), name
    assert by_name["own_in_visit"].tolist() == [2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    price = np.log1p(PRICES)
    gaps = np.concatenate([price - price[0], np.full(4, nan), price - price[3]])
    assert by_name["newest_price_gap"] == pytest.approx(gaps, nan_ok=True, abs=1e-6)
    assert {*expected, "own_in_visit", "newest_price_gap"} == {*VISIT_FEATURES}


def test_the_page_is_no_answer_and_comes_first_in_the_profile() -> None:
    before = PROFILES[0]
    after = before.on_page(3, weight=0.5)

    assert before.on_page(0, weight=0.5) is before, "its view is the newest event already"
    assert (after.items[-1], after.times[-1], after.weights[-1], after.signals[-1]) == (3, before.now, 0.5, VIEW)
    assert after.items[:-1].tolist() == before.items.tolist()
    assert Profile.empty(START).on_page(3, weight=1.0).items.tolist() == [3]
    source = make("popular").fit(PAST, CATALOG)
    assert 0 not in source.recommend(before, Context(page=0), 4).items
    assert 0 in source.recommend(before, Context(), 4).items


def test_candidates_of_nobody_are_none() -> None:
    assert len(concatenate_candidates([], tuple(QUOTAS), 0).rows) == 0
