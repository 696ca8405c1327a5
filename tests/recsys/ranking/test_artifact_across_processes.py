"""Two processes that learn from the same data make the same artifact; one that loads it answers and explains alike."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recsys.data.dataset import build
from recsys.data.folds import Fold, temporal
from recsys.ranking.artifact import ArtifactError
from recsys.ranking.explanation import Slate
from recsys.ranking.model import HybridModel
from tests.recsys.shop_history import (
    DAY,
    START,
    history,
    products,
)
from tests.recsys.short_training import short_training
from tests.recsys.trainings import trained

SHOPPERS, K = 50, 10
LEARN = """
import sys
from pathlib import Path
from tests.recsys.ranking.test_artifact_across_processes import learnt
print(learnt().save(Path(sys.argv[1])))
"""
ANSWER = """
import json, sys
from pathlib import Path
from recsys.ranking.model import HybridModel
from tests.recsys.ranking.test_artifact_across_processes import answers_of
print(json.dumps(answers_of(HybridModel.load(Path(sys.argv[1]), expected=sys.argv[2]))))
"""


def learnt() -> HybridModel:
    """Return the model of a small shop, all sources in it."""
    with short_training():
        return trained(build(history(shoppers=SHOPPERS, items=24, visits=6), products(items=24)), seed=11).model


def questions() -> Fold:
    """Return the same fifty shoppers for every process."""
    shop = build(history(shoppers=SHOPPERS, items=24, visits=6), products(items=24))
    return temporal(shop, start=START + 150 * DAY, end=float("inf"), new_only=False)


def answers_of(model: HybridModel) -> list[Any]:
    """Return what the model answers to each, and why: of the released stage, of the ranker and of each source."""
    fold = questions()
    answers: list[Any] = []
    for strategy in (None, "ranker", "blend", *model.sources):
        slates = model.slate_many(fold.profiles, fold.contexts, K, strategy=strategy, explain=True)
        answers.append([strategy, [_plain(slate) for slate in slates]])
    return answers


def _plain(slate: Slate) -> list[Any]:
    return [
        slate.items.tolist(),
        slate.scores.tolist(),
        [dict(own) for own in slate.sources],
        [dict(own) for own in slate.contributions],
    ]


def elsewhere(script: str, *arguments: str, seed: str = "0") -> "subprocess.CompletedProcess[str]":
    """Run a script in another process, where Python hashes texts otherwise."""
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    return subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[HybridModel, Path, str]:
    model, directory = learnt(), tmp_path_factory.mktemp("models") / "here"
    return model, directory, model.save(directory)


@pytest.mark.slow
def test_another_process_learns_the_same_artifact_to_the_bit(
    saved: tuple[HybridModel, Path, str], tmp_path: Path
) -> None:
    _, _, digest = saved

    there = elsewhere(LEARN, str(tmp_path / "there"), seed="4711")

    assert there.stdout.strip() == digest, there.stderr


@pytest.mark.slow
def test_another_process_answers_fifty_shoppers_alike_and_gives_the_same_reasons(
    saved: tuple[HybridModel, Path, str],
) -> None:
    model, directory, digest = saved

    there = elsewhere(ANSWER, str(directory), digest, seed="4711")

    assert len(questions()) == SHOPPERS
    assert there.returncode == 0, there.stderr
    assert json.loads(there.stdout) == json.loads(json.dumps(answers_of(model)))
    explained = dict(json.loads(there.stdout))["ranker"]
    assert all(contributions for _, _, _, contributions in explained)


@pytest.mark.slow
def test_another_process_refuses_a_tampered_file_and_another_hash(
    saved: tuple[HybridModel, Path, str], tmp_path: Path
) -> None:
    _, untouched, digest = saved
    directory = shutil.copytree(untouched, tmp_path / "copy")

    other = elsewhere(ANSWER, str(directory), "0" * 64)
    assert (other.returncode, "not the registered one" in other.stderr) == (1, True)

    ranker = directory / "ranker.json"
    ranker.write_text(ranker.read_text().replace("leaf_value=", "leaf_value=9", 1))
    tampered = elsewhere(ANSWER, str(directory), digest)
    assert (tampered.returncode, "ranker.json was altered" in tampered.stderr) == (1, True)
    with pytest.raises(ArtifactError, match="altered"):
        HybridModel.load(directory, expected=digest)
