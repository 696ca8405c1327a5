"""Where validation asks plenty, trees and a network rank together: the same data give the same files, which answer."""

from pathlib import Path

import numpy as np
import pytest

from recsys.data.dataset import build
from recsys.data.profile import Context
from recsys.evaluation.pipeline import TrainedBundle, train
from recsys.ranking.candidates import Candidates
from recsys.ranking.features import feature_names
from recsys.ranking.model import HybridModel
from recsys.ranking.network import Network
from recsys.ranking.ranker import Judged, Ranker
from recsys.training import ranker_training as ensemble
from recsys.training import stages as ladder
from recsys.training import validation_set as deciding
from recsys.training.champion_refit import plan_of, refitted
from recsys.training.ranking_dataset import Examples
from tests.recsys.shop_history import history, products

SOURCES = ("buy_again", "content", "popular", "rp3beta")


def trained(**sureness: float) -> TrainedBundle:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deciding, "PLENTY", 10)
        patch.setattr(ladder, "EARNED", {**ladder.EARNED, **sureness})
        patch.setattr(ensemble, "BESIDE", ((ensemble.CALM, 20), (ensemble.SMOOTH, 300)))
        return train(build(history(), products()), names=SOURCES)


@pytest.fixture(scope="module")
def once() -> TrainedBundle:
    return trained()


def networks(bundle: HybridModel) -> int:
    return sum(isinstance(model, Network) for model in bundle.ranker.models) if bundle.ranker else 0


def test_a_network_ranks_beside_three_kinds_of_trees(once: TrainedBundle) -> None:
    assert once.bundle.ranker is not None
    assert (len(once.bundle.ranker.models), networks(once.bundle)) == (4, 1)


def test_the_same_data_give_the_same_files(once: TrainedBundle, tmp_path: Path) -> None:
    assert once.bundle.save(tmp_path / "once") == trained().bundle.save(tmp_path / "again")


def test_what_is_loaded_answers_and_explains_alike(once: TrainedBundle, tmp_path: Path) -> None:
    expected = once.bundle.save(tmp_path / "kept")
    loaded = HybridModel.load(tmp_path / "kept", expected=expected)
    profile = once.test.profiles[0]

    first, again = (
        bundle.slate(profile, Context(), 5, strategy="ranker", explain=True) for bundle in (once.bundle, loaded)
    )

    assert first.items.tolist() == again.items.tolist()
    assert first.scores.tolist() == again.scores.tolist()
    assert all(np.isfinite(list(shares.values())).all() for shares in first.contributions)


def test_the_plan_can_be_followed_again(once: TrainedBundle) -> None:
    plan = plan_of(once.tested.manifest)

    held = refitted(plan, [once.test], once.test, beside=once.tested)

    assert held is not None
    assert networks(held) == (1 if plan.stage == "ranker" else 0)


@pytest.mark.parametrize("sure", [0.0, 2.0])
def test_a_ranker_that_is_refused_is_heard_again_among_strangers(sure: float) -> None:
    again = trained(ranker=2.0, appeal=sure)

    *climbed, heard = again.report["ladder"]
    assert [step["stage"] for step in climbed] == ["popular", "single", "blend", "ranker"]
    assert not climbed[-1]["taken"]
    assert (heard["stage"], heard["name"]) == ("ranker", ladder.APPEALED)
    assert heard["taken"] == (heard["chance"] >= sure)
    assert (again.report["stage"] == "ranker") == heard["taken"] == (sure == 0.0)


def test_a_ranker_that_is_taken_is_not_heard_again() -> None:
    assert [step["stage"] for step in trained(ranker=0.0).report["ladder"]] == ["popular", "single", "blend", "ranker"]


def test_who_is_asked_in_the_second_hearing_has_not_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, items = np.repeat(np.arange(8), 3), np.tile(np.arange(3, dtype=np.int64), 8)
    nothing = np.zeros((24, 1), np.float32)
    names = feature_names(("popular",))
    features = np.repeat(np.arange(8.0, dtype=np.float32), 3)[:, None] * np.ones((1, len(names)), np.float32)
    late = Examples(Candidates(rows, items, nothing, nothing, ("popular",), 8), features, items == 0)
    users = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    asked = deciding.Deciding(late, [np.array([0])] * 8, [np.array([False])] * 8, users, 3)
    taught: list[set[int]] = []

    def mean_of(members: object, learnt: Judged, *args: object, **more: object) -> Ranker:
        taught.append({int(users[row]) for row in learnt.features[:, 0].astype(int)})
        return Ranker((), (), names)

    monkeypatch.setattr(ensemble, "mean_of", mean_of)
    ranked = ensemble.TrainedRanker((), np.arange(len(names)), names, np.zeros(24, np.float32), np.zeros(8))

    assert len(ensemble.by_strangers(ranked, [], asked, seed=7)) == 8
    assert len(taught) == 2
    assert not taught[0] & taught[1], "a shopper's questions are all in one half"
    assert taught[0] | taught[1] == {0, 1, 2, 3}
