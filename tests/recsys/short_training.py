"""Fewer trees, steps and half-lives for the models of small shops: these find what is planted there."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from recsys.training.source_settings import HALF_LIVES

MAX_ROUNDS, NETWORK_STEPS = 40, 300


@contextmanager
def short_training() -> Iterator[None]:
    """Train shorter. Refits are as short, for a plan holds its rounds and steps. Tests of quality do without."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recsys.training.training.MAX_ROUNDS", MAX_ROUNDS)
        patch.setattr("recsys.training.training.NETWORK_STEPS", NETWORK_STEPS)
        patch.setattr("recsys.training.training.HALF_LIVES", HALF_LIVES[:2])
        patch.setattr("recsys.training.cart_training.MAX_ROUNDS", MAX_ROUNDS)
        yield
