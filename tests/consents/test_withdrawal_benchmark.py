"""`make bench-withdrawal` counts a condition from when it holds for good."""

import time
from itertools import chain, repeat

from bench.withdrawal import seconds_until


def test_a_condition_counts_from_when_it_holds_for_good() -> None:
    looks = chain([False] * 3, [True] * 30, [False] * 3, repeat(True))
    began = time.perf_counter()

    seconds = seconds_until({"segment": lambda: next(looks)}, began, watch_s=0.8, patience_s=5)

    assert 0.3 < seconds["segment"] < 0.8


def test_a_condition_that_never_holds_is_no_number_of_seconds() -> None:
    seconds = seconds_until({"segment": lambda: False}, time.perf_counter(), watch_s=0.02, patience_s=0.1)

    assert seconds == {"segment": float("inf")}
