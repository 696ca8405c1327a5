"""Without a search a training depends on data and seed alone, learns from the past alone, and holds little at once."""

import weakref
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recsys.data.dataset import build
from recsys.data.time_split import cut_times
from recsys.sources.fitting import fit_all as fit_sources
from recsys.sources.scoring import Scoring
from recsys.training import training as module
from recsys.training.training import MIN_INTERACTIONS, train
from tests.recsys.shop_history import history, products
from tests.recsys.trainings import TrainedShop, trained

NAMES = ("popular", "rp3beta")


def test_the_same_data_and_seed_give_the_same_artifact(small_training: TrainedShop, tmp_path: Path) -> None:
    shares: list[float] = []

    again = trained(
        build(history(), products()),
        names=tuple(small_training.training.plan.quotas),
        progress=lambda step, share: shares.append(share),
    )

    assert again.model.save(tmp_path / "again") == small_training.model.save(tmp_path / "once")
    assert again.training.plan == small_training.training.plan
    assert shares == sorted(shares)
    assert 0.0 <= shares[0] <= shares[-1] <= 1.0


def test_a_ranker_of_few_rows_is_the_mean_of_trees_a_network_and_the_best_source(small_training: TrainedShop) -> None:
    for model in (small_training.training.model, small_training.model):
        assert model.ranker is not None
        assert [type(one).__name__ for one in model.ranker.models] == ["Trees", "Network", "SourceRank"]
        assert all(weight > 0 for weight in model.ranker.weights)


def test_too_little_to_hold_any_back_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=f"at least {MIN_INTERACTIONS} interactions"):
        train(build(history().head(MIN_INTERACTIONS - 1)))


def test_nothing_of_the_test_window_is_learned_from(small_training: TrainedShop, tmp_path: Path) -> None:
    """Where other products are taken in it, all that was decided and fitted before is the same to the bit."""
    dataset = small_training.dataset
    rows = dataset.interactions
    late = np.flatnonzero(rows.times >= small_training.test.until)
    items = rows.items.copy()
    items[late] = np.random.default_rng(3).permutation(items[late])
    other = replace(dataset, interactions=replace(rows, items=items))

    training = train(other, names=tuple(small_training.training.plan.quotas))

    assert training.plan == small_training.training.plan
    assert training.model.save(tmp_path / "other") == small_training.training.model.save(tmp_path / "once")


def test_no_learning_window_learns_from_validation() -> None:
    """Where other products are taken from validation on, what the ranker is taught by is the same to the bit."""
    dataset = build(history(), products())
    rows = dataset.interactions
    cut = cut_times(rows.times)[0]
    items = rows.items.copy()
    late = np.flatnonzero(rows.times >= cut)
    items[late] = np.random.default_rng(3).permutation(items[late])

    one, other = (
        train(data, names=("catalog_order", "popular")).datasets[:-1]
        for data in (dataset, replace(dataset, interactions=replace(rows, items=items)))
    )

    assert len(one) == len(other) > 1
    for mine, same in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine.features, same.features)
        np.testing.assert_array_equal(mine.labels, same.labels)


def test_what_is_released_has_learned_from_everything(small_training: TrainedShop) -> None:
    rows, until = small_training.dataset.interactions, small_training.test.until

    assert small_training.training.model.manifest["until"] == until
    assert small_training.model.manifest["until"] == rows.times[-1] > until
    assert small_training.model.statistics.last[rows.items[-1]] == rows.times[-1]
    assert small_training.model.sources.keys() > small_training.training.model.sources.keys(), "placements' own too"


def test_the_rows_that_a_ranker_learns_from_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = build(history(), products())
    whole = train(dataset, names=NAMES)
    limit = sum(len(part.labels) for part in whole.datasets[:-1]) // 3
    monkeypatch.setattr(module, "MAX_ROWS", limit)

    some = train(dataset, names=NAMES)

    assert 0 < sum(len(part.labels) for part in some.datasets[:-1]) <= limit
    assert len(some.datasets) == len(whole.datasets), "each window teaches"


def test_sources_of_one_window_are_let_go_before_those_of_another_are_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    living: list[weakref.ref[Scoring]] = []
    alive: list[int] = []

    def fitted(sources: Mapping[str, Scoring], *past: Any, **options: Any) -> dict[str, Scoring]:
        alive.append(sum(reference() is not None for reference in living))
        ready = fit_sources(sources, *past, **options)
        living.extend(map(weakref.ref, ready.values()))
        return ready

    monkeypatch.setattr(module, "fit_all", fitted)

    training = train(build(history(), products()), names=NAMES)

    assert len(alive) == len(training.folds.learning) + 1
    assert set(alive) == {0}


@pytest.mark.parametrize("again", [True, False])
def test_what_was_had_before_is_recommended_where_shoppers_take_it_again(again: bool) -> None:
    """Sixty shoppers take a product a day for thirty days: one of three in turn, or another one each time."""
    rows = [
        (
            f"u{shopper:02d}",
            f"i{(shopper * 7 + (day % 3 if again else day)) % 60:02d}",
            1.7e9 + 86_400.0 * day + shopper,
        )
        for day in range(30)
        for shopper in range(60)
    ]
    dataset = build(pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]).assign(event="purchase"))

    assert train(dataset, names=NAMES).plan.new_only is not again
