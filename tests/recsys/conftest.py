"""Small shops train quickly; one training serves all tests that only read its outcome."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from recsys.evaluation.pipeline import TrainedBundle


@pytest.fixture(scope="session", autouse=True)
def lessons() -> Iterator[None]:
    """Small shops train quickly."""
    from tests.recsys.short_training import short_lessons

    with short_lessons():
        yield


@pytest.fixture(scope="session")
def small_training(lessons: None) -> "TrainedBundle":
    """What three sources and a ranker above them learnt of the shop's whole history."""
    from recsys.data.dataset import build
    from recsys.evaluation.pipeline import train
    from tests.recsys.shop_history import history, products

    return train(build(history(), products()), names=("personal_top", "popular", "rp3beta"))
