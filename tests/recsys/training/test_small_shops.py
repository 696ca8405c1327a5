"""However small or odd a shop is, training ends with a model that answers: a stage below the ranker, if need be."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from recsys.data.dataset import Dataset, build
from recsys.data.folds import Protocol
from recsys.data.profile import Context, Profile
from recsys.evaluation import pipeline
from recsys.evaluation.evaluate import Options, evaluate
from recsys.evaluation.held_out_answers import write_slates
from recsys.evaluation.pipeline import TrainedBundle, train
from recsys.metrics.registry import DEEPEST
from recsys.training.champion_refit import plan_of

START, HOUR, ROWS = 1.7e9, 3_600.0, 30


def rows(*, shoppers: int, items: int, times: list[float] | None = None) -> pd.DataFrame:
    """Return thirty purchases, shoppers and items taking turns, an hour apart."""
    return pd.DataFrame(
        {
            "user_id": [f"u{at % shoppers}" for at in range(ROWS)],
            "item_id": [f"i{at % items}" for at in range(ROWS)],
            "timestamp": times or [START + at * HOUR for at in range(ROWS)],
            "event": "purchase",
            "value": 1.0,
        }
    )


ODD = {
    "nothing is ever bought twice": rows(shoppers=5, items=ROWS),
    "nobody ever comes back": rows(shoppers=ROWS, items=7),
    "all at one moment": rows(shoppers=5, items=7, times=[START] * ROWS),
    "at two moments": rows(shoppers=5, items=7, times=[START] * 15 + [START + 1e6] * 15),
    "one shopper": rows(shoppers=1, items=7),
    "one item": rows(shoppers=5, items=1),
    "one shopper and one item": rows(shoppers=1, items=1),
}


@pytest.mark.parametrize("frame", ODD.values(), ids=ODD.keys())
def test_an_odd_shop_gets_a_bundle_that_answers(frame: pd.DataFrame, tmp_path: Path) -> None:
    dataset = build(frame)

    trained = train(dataset)

    slate = trained.bundle.slate(Profile.empty(START + 1e6), Context(), 5)
    assert len(slate) == min(5, dataset.catalog.n_items)
    assert write_slates(trained, dataset.user_ids, tmp_path / "slates.parquet") == len(trained.test)
    written = pd.read_parquet(tmp_path / "slates.parquet").to_dict("records")
    assert written == list(answers_to_held_out_questions(trained, dataset))


def answers_to_held_out_questions(trained: TrainedBundle, dataset: Dataset) -> Iterator[dict[str, Any]]:
    """Yield the answers of the model that had not seen them: of the released stage, then of each source alone."""
    fold, model = trained.test, trained.tested
    for strategy in ("hybrid", *sorted(model.quotas)):
        slates = model.slate_many(fold.profiles, fold.contexts, DEEPEST, strategy=strategy)
        for user, slate in zip(fold.users.tolist(), slates, strict=True):
            for rank, (item, score) in enumerate(zip(slate.items, slate.scores.tolist(), strict=True), start=1):
                yield {
                    "user": dataset.user_ids[user],
                    "rank": rank,
                    "item": dataset.catalog.item_ids[item],
                    "score": score,
                    "strategy": strategy,
                }


@pytest.mark.parametrize("protocol", ["temporal", "leave-one-out", "next-item"])
@pytest.mark.parametrize("frame", ODD.values(), ids=ODD.keys())
def test_an_odd_file_is_evaluated_or_refused_in_words(frame: pd.DataFrame, protocol: Protocol) -> None:
    alone = frame["user_id"].is_unique
    nothing_later = frame["timestamp"].nunique() == 1 and protocol != "leave-one-out"
    if alone or nothing_later:
        with pytest.raises(ValueError, match="no shopper has|no row of the last part"):
            evaluate(build(frame), Options(protocol=protocol))
        return
    assert evaluate(build(frame), Options(protocol=protocol)).report["ours"]["stage"]


@pytest.mark.parametrize("name", ["nothing is ever bought twice", "nobody ever comes back", "all at one moment"])
def test_where_nothing_can_be_learnt_there_is_no_ranker(name: str) -> None:
    trained = train(build(ODD[name]))

    assert trained.bundle.ranker is None
    assert trained.bundle.stage in ("popular", "single", "blend")
    assert "ranker" not in [step["stage"] for step in trained.report["ladder"]]


def test_a_champion_whose_ranker_has_nothing_left_to_learn_from_is_no_rival() -> None:
    plan = plan_of({"plan": {**train(build(ODD["one shopper"])).tested.manifest["plan"], "stage": "ranker"}})

    trained = train(build(ODD["nothing is ever bought twice"]), rival=plan)

    assert trained.rival is None


@pytest.mark.parametrize("begun", [train, lambda dataset: evaluate(dataset, Options())], ids=["train", "evaluate"])
def test_all_is_learnt_on_one_thread_however_many_cores_there_are(
    begun: Callable[[Dataset], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads sum in another order: of few shoppers scores, and so the ranker, differed in their last digits."""
    threads: set[int] = set()

    def choose(*_: object, **__: object) -> None:
        threads.update(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")
        raise InterruptedError

    monkeypatch.setattr(pipeline, "choose", choose)
    with pytest.raises(InterruptedError), threadpool_limits(2, "blas"):
        begun(build(rows(shoppers=5, items=7)))

    assert threads == {1}
