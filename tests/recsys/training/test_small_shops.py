"""However small or odd a shop is, training ends with a model that answers: a stage below the ranker, if need be."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from recsys.data.dataset import build
from recsys.data.folds import Protocol
from recsys.data.profile import Context, Profile
from recsys.evaluation.evaluate import Options, evaluate
from recsys.evaluation.held_out_answers import write_slates
from recsys.metrics.registry import MAX_CUTOFF
from recsys.training.training import train
from tests.recsys.trainings import TrainedShop, trained

START, HOUR, ROWS = 1.7e9, 3_600.0, 30
SOURCES = ("personal_top", "popular", "rp3beta")
"""A protocol differs in its folds, not in its sources; the trainings of odd shops fit all of them."""


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
def test_an_odd_shop_gets_a_model_that_answers(frame: pd.DataFrame, tmp_path: Path) -> None:
    dataset = build(frame)

    shop = trained(dataset)

    slate = shop.model.slate(Profile.empty(START + 1e6), Context(), 5)
    assert len(slate) == min(5, dataset.catalog.n_items)
    assert write_slates(shop.training, dataset.user_ids, tmp_path / "slates.parquet") == len(shop.test)
    written = pd.read_parquet(tmp_path / "slates.parquet").to_dict("records")
    assert written == list(held_out_answers(shop))


def held_out_answers(shop: TrainedShop) -> Iterator[dict[str, Any]]:
    """Yield the answers of the model that had not seen them: of the released stage, then of each source alone."""
    fold, model = shop.test, shop.training.model
    for strategy in ("hybrid", *sorted(model.quotas)):
        slates = model.slate_many(fold.profiles, fold.contexts, MAX_CUTOFF, strategy=strategy)
        for user, slate in zip(fold.users.tolist(), slates, strict=True):
            for rank, (item, score) in enumerate(zip(slate.items, slate.scores.tolist(), strict=True), start=1):
                yield {
                    "user": shop.dataset.user_ids[user],
                    "rank": rank,
                    "item": shop.dataset.catalog.item_ids[item],
                    "score": score,
                    "strategy": strategy,
                }


@pytest.mark.parametrize("protocol", ["temporal", "leave-one-out", "next-item"])
@pytest.mark.parametrize("frame", ODD.values(), ids=ODD.keys())
def test_an_odd_file_is_evaluated_or_refused_in_words(frame: pd.DataFrame, protocol: Protocol) -> None:
    alone = frame["user_id"].is_unique
    nothing_later = frame["timestamp"].nunique() == 1 and protocol != "leave-one-out"
    options = Options(protocol=protocol, names=SOURCES)
    if alone or nothing_later:
        with pytest.raises(ValueError, match="no shopper has|no row of the last part"):
            evaluate(build(frame), options)
        return
    assert evaluate(build(frame), options).report["ours"]["stage"]


@pytest.mark.parametrize("name", ["nothing is ever bought twice", "nobody ever comes back", "all at one moment"])
def test_where_nothing_can_be_learned_there_is_no_ranker(name: str) -> None:
    shop = trained(build(ODD[name]), names=("popular", "rp3beta"))

    assert shop.model.ranker is None
    assert shop.model.stage in ("popular", "single", "blend")
    assert "ranker" not in [stage["stage"] for stage in shop.report["ladder"]]


@pytest.mark.parametrize("begin", [train, lambda dataset, **named: evaluate(dataset, Options(), **named)])
def test_a_training_is_on_one_thread_however_many_cores_there_are(begin: Callable[..., object]) -> None:
    """Two threads sum in another order: of few shoppers scores, and so the ranker, differed in their last digits."""
    threads: set[int] = set()

    def stop(step: str, share: float) -> None:
        threads.update(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")
        raise InterruptedError

    with pytest.raises(InterruptedError), threadpool_limits(2, "blas"):
        begin(build(rows(shoppers=5, items=7)), progress=stop)

    assert threads == {1}
