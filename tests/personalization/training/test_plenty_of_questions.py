"""Where validation asks plenty, trees and a network rank together: the same data give the same files, which answer."""

from pathlib import Path

import numpy as np
import pytest

from personalization.ranking.bundle import Bundle
from personalization.ranking.network import Network
from personalization.recommenders.base import Context
from personalization.training import ensemble, judging
from personalization.training.dataset import build
from personalization.training.pipeline import TrainedBundle, train
from personalization.training.rival import plan_of, refitted
from tests.personalization.shop_history import history, products

SOURCES = ("buy_again", "content", "popular", "rp3beta")


def trained() -> TrainedBundle:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "PLENTY", 10)
        patch.setattr(ensemble, "BESIDE", ((ensemble.CALM, 20), (ensemble.SMOOTH, 300)))
        return train(build(history(), products()), names=SOURCES)


@pytest.fixture(scope="module")
def once() -> TrainedBundle:
    return trained()


def networks(bundle: Bundle) -> int:
    return sum(isinstance(model, Network) for model in bundle.ranker.models) if bundle.ranker else 0


def test_a_network_ranks_beside_three_kinds_of_trees(once: TrainedBundle) -> None:
    assert once.bundle.ranker is not None
    assert (len(once.bundle.ranker.models), networks(once.bundle)) == (4, 1)


def test_the_same_data_give_the_same_files(once: TrainedBundle, tmp_path: Path) -> None:
    assert once.bundle.save(tmp_path / "once") == trained().bundle.save(tmp_path / "again")


def test_what_is_loaded_answers_and_explains_alike(once: TrainedBundle, tmp_path: Path) -> None:
    expected = once.bundle.save(tmp_path / "kept")
    loaded = Bundle.load(tmp_path / "kept", expected=expected)
    profile = once.test.profiles[0]

    first, again = (
        bundle.slate(profile, Context(), 5, strategy="ranker", explain=True) for bundle in (once.bundle, loaded)
    )

    assert first.items.tolist() == again.items.tolist()
    assert first.scores.tolist() == again.scores.tolist()
    assert all(np.isfinite(list(shares.values())).all() for shares in first.contributions)


def test_the_plan_can_be_followed_again(once: TrainedBundle) -> None:
    plan = plan_of(once.tested.manifest)
    assert plan is not None

    held = refitted(plan, [once.test], once.test, once.tested.catalogue, beside=once.tested)

    assert held is not None
    assert networks(held) == (1 if plan.rung == "ranker" else 0)
