"""The ranker of a running shop is taught in the middle of visits too, or the last minutes mislead it (ADR 18)."""

import re

import numpy as np
import pytest

from bench import live_history as benchmark
from recsys.data.dataset import build
from recsys.evaluation.evaluate import Options, folds_of
from recsys.training.training import split
from tests.recsys.shop_history import history, products


def test_a_training_asks_at_both_moments_and_is_judged_at_one() -> None:
    shop = build(history(), products())

    folds = split(shop, max_events=300)

    for fold in (*folds.learning, folds.validation):
        moments = np.array([profile.now for profile in fold.profiles])
        assert len(fold) / 3 < np.count_nonzero(moments > fold.until) <= len(fold) / 2
        assert any((profile.times > fold.until).any() for profile in fold.profiles)
    assert {profile.now for profile in folds.test.profiles} == {folds.test.until}


def test_an_evaluation_teaches_so_where_it_is_asked_to() -> None:
    shop = build(history(), products())

    alone, both = folds_of(shop, Options()), folds_of(shop, Options(live=True))

    assert [len(fold) for fold in both.learning] == [2 * len(fold) for fold in alone.learning]
    assert (len(both.validation), len(both.test)) == (2 * len(alone.validation), len(alone.test))
    with pytest.raises(ValueError, match="live: teaches the temporal protocol"):
        Options(protocol="next-item", live=True)


def test_the_benchmark_asks_both_models_at_both_moments(
    capsys: pytest.CaptureFixture[str],
) -> None:
    benchmark.report(build(history(), products()), new_only=False, names=("personal_top", "popular"))

    lines = capsys.readouterr().out.splitlines()
    assert [re.sub(r" +NDCG.*", "", line) for line in lines] == [
        f"taught by {taught} asked at the {when}"
        for taught in ("windows alone         ", "windows and next items")
        for when in ("beginning", "middle")
    ]
