"""Small shops train quickly; one training serves all tests that only read its outcome."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.recsys.trainings import TrainedShop


@pytest.fixture(scope="session", autouse=True)
def short_rankers() -> Iterator[None]:
    """Small shops train quickly."""
    from tests.recsys.short_training import short_training

    with short_training():
        yield


@pytest.fixture(scope="session")
def small_training(short_rankers: None) -> "TrainedShop":
    """Three sources and a ranker, trained on a small shop's whole history, with every part of the report."""
    from recsys.data.dataset import build
    from tests.recsys.shop_history import history, products
    from tests.recsys.trainings import trained

    return trained(build(history(), products()), names=("personal_top", "popular", "rp3beta"), thorough=True)
