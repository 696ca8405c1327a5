"""Scores by their definitions, in shops so small that they can be counted by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recsys.data.profile import Context, Profile
from recsys.data.signals import SIGNAL_CODES
from recsys.sources.registry import make
from tests.recsys import shops

NOBODY = Profile.empty(shops.START)
BASKETS = ((0, 1), (0, 1, 2), (2,), (2,))
"""What four shoppers took, all at one moment: two have product 0, two have 1, three have 2."""


def scores(name: str, rows: list[tuple[int, int, float, str]], *items: int, **settings: Any) -> list[float]:
    """Return the scores of three products, with context items."""
    model = make(name, **settings).fit(shops.interactions(rows, n_users=4), shops.catalog(3))
    return list(map(float, model.scores(NOBODY, Context(items=items))))


@pytest.mark.parametrize(
    ("name", "settings", "of_one", "of_two"),
    [
        ("rp3beta", {"alpha": 1.0, "beta": 0.0}, 1 / 2 * 1 / 2 + 1 / 2 * 1 / 3, 1 / 2 * 1 / 3),
        ("rp3beta", {"alpha": 2.0, "beta": 0.0}, 1 / 4 * 1 / 4 + 1 / 4 * 1 / 9, 1 / 4 * 1 / 9),
        ("rp3beta", {"alpha": 1.0, "beta": 1.0}, (1 / 4 + 1 / 6) / 2, 1 / 6 / 3),
        ("item_knn", {"balance": 0.5, "shrink": 2.0}, 2 / 2 * 2 / 4, 1 / 6**0.5 * 3 / 5),
        ("item_knn", {"balance": 1.0, "shrink": 2.0}, 2 / 2 * 2 / 4, 1 / 2 * 3 / 5),
        ("item_knn", {"balance": 0.0, "shrink": 2.0}, 2 / 2 * 2 / 4, 1 / 3 * 3 / 5),
        ("user_knn", {"cosine": 1.0}, 1, 3**-0.5 / (2**-0.5 + 3**-0.5)),
        ("user_knn", {"cosine": 0.0}, 1, 1 / 2),
    ],
)
def test_what_goes_with_a_product(name: str, settings: dict[str, Any], of_one: float, of_two: float) -> None:
    rows = [(user, item, shops.START, "purchase") for user, basket in enumerate(BASKETS) for item in basket]
    tame = {} if name != "item_knn" else {"shopper_power": 0.0}

    assert scores(name, rows, 0, **settings, **tame)[1:] == pytest.approx([of_one, of_two], rel=1e-5)  # fixed point


def test_what_sells_and_what_rises() -> None:
    """Product 0 sold once, a day ago, product 1 now."""
    rows = [(0, 0, shops.START, "view"), (0, 1, shops.START + shops.DAY, "view")]
    fast, slow = {"half_lives_days": (0.5,)}, {"half_lives_days": (1.0,)}

    assert scores("popular", rows, **fast) == pytest.approx([1 / 5, 4 / 5, 0])
    assert scores("popular", rows, **slow) == pytest.approx([1 / 3, 2 / 3, 0])
    assert scores("popular", rows, half_lives_days=(0.5, 1.0)) == pytest.approx([4 / 15, 11 / 15, 0])
    assert scores("popular", rows, 2, **fast, category_weight=9.0) == pytest.approx([2, 4 / 5, 0])
    risen = scores("trending", rows, **fast, usual_half_life_days=1.0, rise=1.0)
    assert risen == pytest.approx([1 / 5 * 3 / 5, 4 / 5 * 6 / 5, 0])


def test_what_is_due_a_day_before_the_usual_interval_counts_half() -> None:
    """All purchases are a week apart, and half of them are returns."""
    rows = [(0, item, shops.START + week * 7 * shops.DAY, "purchase") for item in range(3) for week in range(2)]
    data = shops.interactions(rows, n_users=1)
    model = make("buy_again", rate_power=1.0, due_power=1.0).fit(data, shops.catalog(3))
    once = data.select(slice(0, 1))
    bought = (once.items, once.times, np.array([SIGNAL_CODES["purchase"]], np.int8), once.weights, once.values)

    profile = Profile(*bought, now=shops.START + 6 * shops.DAY)

    assert model.scores(profile, Context()).tolist() == pytest.approx([1 / 2 * 1 / 2, 0, 0])


def test_events_of_one_moment_count_a_mean_of_their_weights_and_others_that_of_the_later() -> None:
    settings = {"backward": 0.5, "source_power": 0.0, "target_power": 0.0, "pair_half_life_hours": 24.0}
    tied = shops.interactions([(0, item, shops.START, "view") for item in (0, 1)], n_users=1)
    tied = replace(tied, weights=np.array([4, 1], np.float32))
    apart = replace(tied, times=tied.times + [-shops.DAY, 0])

    for data, forth, back in ((tied, (1 + 0.5 * 4) / 1.5, (4 + 0.5 * 1) / 1.5), (apart, 1 / 2, 0.5 / 2)):
        result = make("covisitation", **settings).fit(data, shops.catalog(2)).table.matrix()  # type: ignore[attr-defined]
        assert result.toarray().ravel() == pytest.approx([0, forth, back, 0])
