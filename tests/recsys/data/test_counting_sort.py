"""Rows in the order of codes: as a stable sort gives it."""

import numpy as np

from recsys.data.counting_sort import order_by


def test_rows_are_ordered_as_by_a_stable_sort() -> None:
    rng = np.random.default_rng(3)
    users, items = rng.integers(0, 9, 200).astype(np.int32), rng.integers(0, 5, 200).astype(np.int32)

    np.testing.assert_array_equal(order_by(users), np.argsort(users, kind="stable"))
    np.testing.assert_array_equal(order_by(users, items), np.lexsort((items, users)))


def test_no_rows_have_no_order() -> None:
    assert order_by(np.empty(0, np.int32)).tolist() == []
