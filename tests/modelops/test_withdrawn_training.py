"""The next model after a withdrawal equals, by the hash of its artifact, one that never knew the shopper."""

import pytest

from consents.services import decide_for
from modelops.services.runs import queue_training
from modelops.services.training import run_training
from tests.events.builders import START
from tests.modelops.purchases import bought, put
from tests.modelops.test_training import DAY, record

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("stocked_shop", "few_sources"),
    pytest.mark.slow,
]


def trained_hash() -> str:
    """Train without a search for settings, which a clock would end; return the hash of the version's artifact."""
    run = run_training(queue_training(actor="staff:1", seed=3, forced=True, hand_over=False).pk)
    assert run.model_version is not None, run.message
    return run.model_version.artifact_hash


def test_the_next_models_hash_is_that_of_a_training_without_the_shopper() -> None:
    record(120)
    never_there = trained_hash()
    products = ["sofa", "rug", "lamp"] * 4
    put([bought(f"extra-{n}", 5_000, product, START + n * DAY // 3) for n, product in enumerate(products)])
    decide_for("user:u5000", decisions={"train_models": True}, actor="test")
    with_shopper = trained_hash()

    decide_for("user:u5000", decisions={"train_models": False}, actor="test")

    assert trained_hash() == never_there
    assert with_shopper != never_there
