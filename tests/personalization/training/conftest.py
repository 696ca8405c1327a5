"""One training of the small shop, for all tests that only read what came of it."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # Django is set up after this file is read
    from personalization.training.pipeline import TrainedBundle


@pytest.fixture(scope="session")
def small_training(lessons: None) -> "TrainedBundle":
    """What three sources and a ranker above them learnt of the shop's whole history."""
    from personalization.training.dataset import build
    from personalization.training.pipeline import train
    from tests.personalization.shop_history import history, products

    return train(build(history(), products()), names=("personal_top", "popular", "rp3beta"))
