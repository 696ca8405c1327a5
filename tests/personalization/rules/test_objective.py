"""The objective favors what is worth more: never less value for more strength, and no change without any."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.rules.objective import MOST, by_objective, factors_of
from recsys.arrays import Doubles

VALUES = st.lists(st.floats(0.01, 1e6) | st.just(float("nan")), min_size=1, max_size=40)


def factors(values: list[float]) -> Doubles:
    return factors_of(np.array(values), np.ones(len(values), np.bool_))


@given(values=VALUES, size=st.integers(1, 12))
def test_more_strength_never_lowers_what_a_list_is_worth(values: list[float], size: int) -> None:
    own, items = factors(values), np.arange(len(values), dtype=np.int32)
    worth = own / (1 + items)

    heads = [by_objective(items, own, percent)[:size] for percent in range(0, 101, 5)]

    sums = [worth[head].sum() for head in heads]
    assert all(later >= earlier - 1e-6 for earlier, later in zip(sums, sums[1:], strict=False))
    assert heads[0].tolist() == items[:size].tolist()


@given(values=VALUES)
def test_at_equal_relevance_the_more_valuable_comes_first(values: list[float]) -> None:
    own = factors(values)
    pair = np.array([np.argmin(own), np.argmax(own)], np.int32)

    placed = [by_objective(pair, own, percent).tolist().index(int(pair[1])) for percent in range(0, 101, 10)]

    assert placed == sorted(placed, reverse=True)


@given(values=VALUES, seed=st.integers(0, 9))
def test_no_strength_and_no_known_value_leave_the_order(values: list[float], seed: int) -> None:
    items = np.random.default_rng(seed).permutation(len(values)).astype(np.int32)

    assert by_objective(items, factors(values), 0).tolist() == items.tolist()
    assert by_objective(items, factors([float("nan")] * len(values)), 100).tolist() == items.tolist()


def test_a_factor_is_the_value_over_the_usual_one_within_limits() -> None:
    values = np.array([10.0, 20.0, 5.0, 1000.0, 0.0, -3.0, np.nan, 9999.0])
    among = np.array([True, True, True, True, True, False, True, False])

    assert factors_of(values, among).tolist() == [1.0, 2.0, 0.5, MOST, 1 / MOST, 1 / MOST, 1.0, MOST]


@pytest.mark.parametrize("values", [[0.0, 0.0, 5.0], [-1.0, -2.0]])
def test_without_a_usual_value_above_zero_nothing_is_favored(values: list[float]) -> None:
    assert factors(values).tolist() == [1.0] * len(values)


def test_a_boost_of_two_moves_place_ten_to_place_five() -> None:
    own = np.ones(12)
    own[9] = 2.0

    assert by_objective(np.arange(12, dtype=np.int32), own, 100).tolist().index(9) == 5  # behind the one that was there
