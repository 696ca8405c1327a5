"""What a training holds at once is bounded: sources of one learning fold beside those of validation."""

import weakref
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from recsys.data.dataset import build
from recsys.data.folds import Fold, temporal
from recsys.data.time_split import cut_times
from recsys.sources.scoring import Scoring
from recsys.training import hybrid as module
from recsys.training.hybrid import hybrid
from tests.recsys.shop_history import history, products


def test_the_sources_of_a_fold_are_let_go_before_another_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = build(history(), products())
    first, second, third, fourth, end = cut_times(dataset.interactions.times, (0.4, 0.5, 0.6, 0.7, 0.9))
    spans = (first, second), (second, third), (third, fourth), (fourth, end)
    *learning, validation = (temporal(dataset, start=a, end=b, new_only=False) for a, b in spans)
    fit, held = module._fitted, []  # how many sources live as those of a fold are begun
    living: list[weakref.ref[Scoring]] = []

    def told(names: Iterable[str], configs: Mapping[str, Any], fold: Fold) -> dict[str, Scoring]:
        held.append(sum(reference() is not None for reference in living))
        found = fit(names, configs, fold)
        living.extend(map(weakref.ref, found.values()))
        return found

    monkeypatch.setattr(module, "_fitted", told)
    how: dict[str, Any] = {"ready": {}, "seed": 7, "progress": lambda message, share: None}
    made = hybrid(("item_knn", "popular", "rp3beta"), {}, learning, validation, **how)

    assert held == [0, 0, 0, 0]
    assert [part.candidates.n_rows for part in made.asked] == [len(fold) for fold in learning], "in their order"
