"""Sums, extremes and rank_in_row by group, worked out by hand."""

import numpy as np
import pytest

from recsys.ranking.groups import (
    GroupBy,
    evenly_spaced,
    lookup_table,
    rank_in_row,
    row_deviations,
)

NONE = np.empty(0, np.int64)


def test_each_group_has_its_number_sum_and_extremes() -> None:
    groups = GroupBy.of(np.array([7, 3, 7, 9]))
    values = np.array([1.0, 5.0, 3.0, 0.5])

    assert groups.keys.tolist() == [3, 7, 9]
    assert groups.sum().tolist() == [1, 2, 1]
    assert groups.sum(values).tolist() == [5.0, 4.0, 0.5]
    assert groups.max(values, start=2.0).tolist() == [5.0, 3.0, 2.0]
    assert groups.min(values, start=2.0).tolist() == [2.0, 1.0, 0.5]


def test_a_key_without_a_group_finds_what_is_missing() -> None:
    groups = GroupBy.of(np.array([7, 3, 7]))
    wanted = np.array([9, 7, 1, 3, 5])

    assert groups.at(wanted).tolist() == [2, 1, 2, 0, 2]
    assert lookup_table(groups.sum(), missing=-1.0)[groups.at(wanted)].tolist() == [-1, 2, -1, 1, -1]
    assert lookup_table(GroupBy.of(NONE).sum())[GroupBy.of(NONE).at(wanted)].tolist() == [0.0] * 5


def test_the_largest_of_a_row_comes_first_and_of_equals_the_earlier() -> None:
    assert rank_in_row(np.array([1.0, 3.0, 3.0, 5.0, 9.0]), np.array([0, 0, 0, 2, 2])).tolist() == [2, 0, 1, 1, 0]


def test_deviations_are_those_of_each_row_and_nothing_where_it_has_one_value_or_none() -> None:
    result = row_deviations(np.array([1.0, 3.0, 8.0]), np.array([0, 0, 2]), 4)

    assert result == pytest.approx([1.0, 0.0, 0.0, 0.0])


def test_rows_are_spread_evenly_from_the_first_to_the_last_or_all_taken() -> None:
    assert evenly_spaced(9, 3).tolist() == [0, 4, 8]
    assert evenly_spaced(3, 9).tolist() == [0, 1, 2]
    assert evenly_spaced(0, 9).tolist() == []
