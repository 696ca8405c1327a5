"""One shopper gets one arm: our hash agrees with GrowthBook's, and ranges partition the buckets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.assignment import bucket_ranges, bucket_shares, choose_arm, hash_v2


@pytest.mark.parametrize(("value", "bucket"), [("u1", 0.2718), ("ü", 0.9676), ("😀x", 0.3492), ("日本", 0.0084)])
def test_hash_agrees_with_the_check_values_of_the_specification(value: str, bucket: float) -> None:
    assert hash_v2("k", value) == bucket


def test_ranges_are_half_open() -> None:
    ranges = bucket_ranges([0.5, 0.5])

    assert choose_arm(0.4999, ranges) == 0
    assert choose_arm(0.5, ranges) == 1


def test_arms_begin_where_adding_one_after_the_other_leads() -> None:
    starts, total = [], 0.0
    for weight in [0.1] * 10:
        starts.append(total)
        total += weight

    assert [low for low, _ in bucket_ranges([0.1] * 10)] == starts


def test_coverage_narrows_every_arm_without_moving_anyone() -> None:
    narrow, wide = bucket_ranges([0.5, 0.5], coverage=0.2), bucket_ranges([0.5, 0.5], coverage=0.8)

    moved = [
        b
        for b in range(10000)
        if (arm := choose_arm(b / 10000, narrow)) is not None and choose_arm(b / 10000, wide) != arm
    ]

    assert moved == []


def test_the_hash_gives_arms_whole_buckets() -> None:
    third = 1 / 3

    assert bucket_shares((0.5, 0.5)) == (0.5, 0.5)
    assert bucket_shares((third, third, third)) == (0.3334, 0.3333, 0.3333)
    assert bucket_shares((third, third, third), 0.01) == (0.34, 0.33, 0.33)
    assert bucket_shares((0.8, 0.2, 0.0)) == (0.8, 0.2, 0.0)
    assert bucket_shares((0.5, 0.5), 0.0) == (0.5, 0.5)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=8), st.text())
def test_full_coverage_gives_everyone_exactly_one_arm(parts: list[int], value: str) -> None:
    ranges = bucket_ranges([part / sum(parts) for part in parts])

    assert sum(low <= hash_v2("seed", value) < high for low, high in ranges) <= 1
    assert choose_arm(min(hash_v2("seed", value), ranges[-1][1] - 1e-9), ranges) is not None


@pytest.mark.parametrize(("weights", "coverage"), [([], 1.0), ([0.5, 0.6], 1.0), ([-0.5, 1.5], 1.0), ([1.0], 1.5)])
def test_impossible_weights_are_refused(weights: list[float], coverage: float) -> None:
    with pytest.raises(ValueError, match="must"):
        bucket_ranges(weights, coverage)
