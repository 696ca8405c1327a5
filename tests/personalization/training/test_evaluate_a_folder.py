"""`evaluate` beside peers, by each protocol; an outsider's code finds the same NDCG in the written answers."""

import numpy as np
import pytest

from bench.recompute_ndcg import recomputed
from personalization.training.dataset import build
from personalization.training.evaluate import Asked, evaluate
from personalization.training.folds import Protocol
from tests.personalization.shop_history import history, products

SOURCES = ("content", "personal_top", "popular", "rp3beta", "session_knn")


@pytest.mark.parametrize("new_only", [False, True])
def test_the_figure_can_be_recomputed(new_only: bool) -> None:
    frame = history()

    found = evaluate(build(frame, products()), Asked(new_only=new_only, names=SOURCES))

    value, shoppers = recomputed(frame, found.recommendations, new_only=new_only, warm_only=True)
    told = found.report["released"]["warm"]["ndcg@10"]
    assert value == pytest.approx(told["value"])
    assert shoppers == told["n"]
    assert list(found.recommendations.columns) == ["user", "rank", "item", "score"]


@pytest.mark.parametrize("protocol", ["leave-one-out", "next-item"])
def test_every_protocol_reports_intervals(protocol: Protocol) -> None:
    found = evaluate(build(history(shoppers=20), products()), Asked(protocol=protocol, names=SOURCES))

    interval = found.report["released"]["together"]["hit_rate@10"]
    assert 0 < interval["low"] <= interval["value"] <= interval["high"] <= 1
    assert ("frozen_profile" in found.report) == (protocol == "next-item")


def test_planted_favorites_are_found_and_the_other_camp_is_not() -> None:
    found = evaluate(build(history(), products()), Asked(names=SOURCES))

    answers = found.recommendations
    same = answers["user"].str[1:].astype(int) % 2 == answers["item"].str[1:].astype(int) % 2
    first = answers["rank"] <= 5
    assert same[first].mean() > 0.9
    assert found.report["released"]["warm"]["ndcg@10"]["value"] > 0.4
    assert np.isfinite(answers["score"]).all()
