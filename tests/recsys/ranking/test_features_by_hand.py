"""Every column of the features against numbers worked out by hand, and none of them moved by what comes later."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from recsys.data.catalog import Catalog
from recsys.data.dataset import Dataset
from recsys.data.folds import (
    Fold,
    leave_one_out,
    temporal,
)
from recsys.data.profile import Context
from recsys.data.visits import mixed_questions, next_item
from recsys.ranking.candidates import Candidates
from recsys.ranking.features import feature_names, features
from recsys.ranking.item_statistics import ItemStatistics
from tests.recsys.shops import DAY, START, interactions

PRODUCTS = Catalog(
    item_ids=("tea", "pot", "cup"),
    categories=("a/b", "a/b", "a/c"),
    brands=("x", "y", "x"),
    attributes=(("k=1",), ("k=1", "m=1"), ("m=1",)),
    prices=np.array([3.0, 15.0, np.nan], np.float32),
    first_seen=np.array([START - 10 * DAY, np.nan, np.nan]),
)
PAST = [
    (0, 0, START, "view"),
    (1, 1, START + DAY, "view"),
    (0, 0, START + 2 * DAY, "purchase"),
    (0, 1, START + 2 * DAY, "purchase"),
]
NOW = START + 4 * DAY
LATER = [(0, 2, NOW, "purchase"), (1, 2, NOW + 1, "cart"), (0, 1, NOW + DAY, "view"), (1, 0, NOW + DAY, "rating")]
"""Of two shoppers; nobody touched the cup before."""


def every(fold: Fold) -> np.ndarray:
    """Return float32[questions, products, features], without sources."""
    statistics, n = ItemStatistics.fit(fold.past, fold.catalog, until=fold.until), fold.n_items
    nothing = np.empty((len(fold) * n, 0), np.float32)
    rows, items = np.repeat(np.arange(len(fold)), n), np.tile(np.arange(n), len(fold))
    seen = features(Candidates(rows, items, nothing, nothing, (), len(fold)), fold.profiles, fold.contexts, statistics)
    return seen.reshape(len(fold), n, -1)


def shop(rows: list[tuple[int, int, float, str]]) -> Dataset:
    return Dataset(interactions(rows, n_users=2), PRODUCTS, ())


def halved(days: float, *ages: float) -> float:
    return float(sum(0.5 ** (age / days) for age in ages))


def test_every_column_of_a_question() -> None:
    nan, four = np.nan, np.log(4)
    fold = temporal(shop(PAST + LATER), start=NOW, end=float("inf"), new_only=False)
    object.__setattr__(fold, "contexts", [Context(items=(1,)), Context()])

    columns = dict(zip(feature_names(()), every(fold)[0].T.tolist(), strict=True))

    popular = {days: np.array([halved(days, 4, 2), halved(days, 3, 2), 0.0]) for days in (1, 7, 28, 90, 365)}
    rates = {days: popular[days][:2] / days for days in popular}
    taken = np.log1p(popular[365])
    young = (0.8 * np.log(11) + np.log(13) + np.log(2)) / 2.8
    speed = np.log1p([30 / 21, 60 / 10, 0.0])
    expected = {
        "agreeing": [0, 0, 0],
        "own_times": [2, 1, 0],
        **{f"own_{days}d": [halved(days, 4, 2), halved(days, 2), 0] for days in (2, 14, 60, 240)},
        "own_steps": [1.8, 1, 0],
        "own_share": [2 / 3, 1 / 3, 0],
        "own_visits": [2, 1, 0],
        "own_visit_share": [1, 0.5, 0],
        "own_bought": [1, 1, 0],
        "own_in_cart": [0, 0, 0],
        "own_idle": [2, 2, nan],
        "own_idle_steps": [0, 0, nan],
        "own_since_first": [4, 2, nan],
        "own_gap": [2, nan, nan],
        "own_due": [1, nan, nan],
        "own_due_usual": [1, nan, nan],
        "own_rank": [0, 1, nan],
        **{name: [value] * 3 for name, value in {"events": 3, "visits": 2, "items": 2, "bought": 2}.items()},
        **{name: [value] * 3 for name, value in {"idle": 2, "since_first": 4, "visit_gap": 2}.items()},
        "repeat_share": [1 / 3] * 3,
        "category_share": [1, 1, 0],
        "category_recent": [1, 1, 0],
        "category_idle": [2, 2, nan],
        "category_last": [0, 0, nan],
        **{
            f"department_{name}": [value] * 3 for name, value in {"share": 1, "recent": 1, "idle": 2, "last": 0}.items()
        },
        "brand_share": [2 / 3, 1 / 3, 2 / 3],
        "brand_recent": [1.7 / 2.7, 1 / 2.7, 1.7 / 2.7],
        "brand_idle": [2, 2, 2],
        "brand_last": [0, 0, 0],
        **{f"group_{name}": [nan] * 3 for name in ("share", "recent", "idle", "last")},
        "attribute_share": [1, 2 / 3, 1 / 3],
        "attribute_recent": [1, (1 + 1 / 2.7) / 2, 1 / 2.7],
        "attribute_last": [2, 1.5, 1],
        "price_gap": [-four / 3, four * 2 / 3, nan],
        "price_z": [-1 / np.sqrt(2), np.sqrt(2), nan],
        "age_gap": [np.log(15) - young, np.log(4) - young, -young],
        "new_share": [1, 1, 1],
        "popular_gap": taken - (1.8 * taken[0] + taken[1]) / 2.8,
        "born_gap": np.array([-10, 1, 4]) + 17 / 2.8,
        **{f"popular_{days}d": np.log1p(popular[days]) for days in popular},
        "popular_ever": np.log1p([2, 2, 0]),
        "shoppers": np.log1p([1, 2, 0]),
        **{f"trend_{a}_{b}": [*rates[a] / rates[b], nan] for a, b in ((7, 28), (28, 90), (90, 365))},
        "repeat_rate": [1, 0, 0],
        "repeat_times": [2, 1, 0],
        "bought_share": [0.5, 0.5, nan],
        "stars": [nan] * 3,
        "price": [four, 2 * four, nan],
        "price_in_category": [-1, 1, nan],
        "category_popular": np.log1p([popular[90].sum()] * 2 + [0]),
        "brand_popular": np.log1p(popular[90][[0, 1, 0]]),
        "share_of_category": popular[90] / popular[90].sum(),
        "velocity": speed,
        "category_velocity": [speed[:2].mean()] * 2 + [0],
        "category_newness": [1, 0, 0],
        "age": [14, 3, nan],
        "item_idle": [2, 2, nan],
        "context_category": [1, 1, 0],
        "context_brand": [0, 1, 0],
        **{name: [value] * 3 for name, value in {"visit_events": 2, "visit_items": 2, "visit_minutes": 2_880}.items()},
        "own_in_visit": [1, 1, 0],
        "newest_price_gap": [-four, 0, nan],
        "page": [0, 0, 0],
        "predicted_stars": [nan] * 3,
    }
    assert set(columns) == set(expected)
    for name, values in expected.items():
        assert columns[name] == pytest.approx(list(values), rel=1e-5, abs=1e-6, nan_ok=True), name


ASKED: dict[str, Callable[[Dataset], Fold]] = {
    "temporal": lambda one: temporal(one, start=NOW, end=float("inf"), new_only=False),
    "mixed_questions": lambda one: mixed_questions(one, start=NOW, end=float("inf"), new_only=False),
    "next-item": lambda one: next_item(one, start=NOW, end=float("inf"), new_only=False),
    "leave-one-out": lambda one: leave_one_out(one, back=1, new_only=False),
}


@pytest.mark.parametrize("kind", ASKED)
def test_what_comes_at_the_moment_of_a_question_or_later_changes_no_feature_of_it(kind: str) -> None:
    other = [(user, 2 - item, moment, "like") for user, item, moment, _ in LATER]
    known = shop(PAST + LATER)
    rows = shop(PAST + other).interactions
    values = np.where(rows.times < NOW, rows.values, np.float32(4))
    fold, moved = ASKED[kind](known), ASKED[kind](replace(known, interactions=replace(rows, values=values)))

    begins = [at for at, one in enumerate(fold.profiles) if not (one.times >= NOW).any()]

    assert len(fold) == len(moved)
    assert [one.tolist() for one in fold.targets] != [one.tolist() for one in moved.targets]
    assert fold.users[begins].tolist().count(0) > 0
    np.testing.assert_array_equal(every(fold)[begins], every(moved)[begins])
