"""Fewer trees and steps for the rankers of small shops: these find what is planted there."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

MAX_ROUNDS, NETWORK_STEPS = 40, 300


@contextmanager
def short_training() -> Iterator[None]:
    """Train shorter. Refits are as short, for a plan holds its rounds and steps. Tests of quality do without."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recsys.training.training.MAX_ROUNDS", MAX_ROUNDS)
        patch.setattr("recsys.training.training.NETWORK_STEPS", NETWORK_STEPS)
        patch.setattr("recsys.training.cart_training.MAX_ROUNDS", MAX_ROUNDS)
        yield
