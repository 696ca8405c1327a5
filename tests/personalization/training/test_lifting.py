"""The cold lift that is released: what validation's curve allows, and never nothing because two wishes conflict."""

from dataclasses import replace

import numpy as np
import pytest

from personalization.ranking.bundle import Bundle
from personalization.training import lifting
from personalization.training.dataset import build
from personalization.training.judging import Judging
from personalization.training.pipeline import train
from personalization.training.rival import plan_of
from tests.personalization.shop_history import history, products


class _Judged:
    """Questions of which one has a cold target."""

    cold = (np.array([True]),)
    asked = type("Asked", (), {"candidates": None})

    @staticmethod
    def untouched() -> np.ndarray:
        return np.array([True])


def chosen(monkeypatch: pytest.MonkeyPatch, curve: dict[float, tuple[float, float, float]]) -> float:
    """Return the lift chosen on a curve of (together, warm, hit rate of cold targets), straight between its points."""
    names = ("together", "warm", "cold_hit_rate")
    told = np.array(list(curve.values())).T

    def point(judging: Judging, scores: np.ndarray, lift: float) -> lifting.Point:
        values = [float(np.interp(lift, list(curve), line)) for line in told]
        return {"lift": lift, "share": lift / 10, **dict(zip(names, values, strict=True))}

    monkeypatch.setattr(lifting, "LIFTS", tuple(curve))
    monkeypatch.setattr(lifting, "lifted", lambda candidates, scores, untouched, lift: scores)
    monkeypatch.setattr(lifting, "_point", point)
    return lifting.tuned_lift(_Judged(), np.zeros(1, np.float32)).value  # type: ignore[arg-type]


def test_the_most_that_known_products_can_bear(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = {0.0: (0.036, 0.0417, 0.046), 0.75: (0.038, 0.0408, 0.085), 2.0: (0.0403, 0.0395, 0.134)}

    found = chosen(monkeypatch, curve)

    assert found == 0.75 + 1.25 / 4, "the step to the next lift is halved until little is missing"
    assert np.interp(found, list(curve), [warm for _, warm, _ in curve.values()]) >= 0.97 * 0.0417


def test_one_place_in_fifty_where_the_whole_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = {0.0: (0.036, 0.0417, 0.046), 0.5: (0.0359, 0.0416, 0.085)}

    found = chosen(monkeypatch, curve)

    assert found == 0.5 * 3 / 8, "the largest of the halved steps with a share of 0.02 at most"


def test_none_where_the_whole_loses_and_no_new_product_is_hit(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = {0.0: (0.036, 0.0417, 0.0), 0.1: (0.0359, 0.0416, 0.0), 0.75: (0.0358, 0.0415, 0.0)}

    assert chosen(monkeypatch, curve) == 0.0


def test_of_equal_lifts_the_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = {0.0: (0.036, 0.0417, 0.0), 0.5: (0.037, 0.0416, 0.05), 1.0: (0.038, 0.0415, 0.05)}

    assert chosen(monkeypatch, curve) == 0.5


@pytest.fixture(scope="module")
def released() -> Bundle:
    """Return a bundle with a ranker; five products of forty-five nobody touched yet, and its lift is far too high."""
    shop = build(history(), products(items=45))
    trained = train(shop, names=("buy_again", "content", "new_arrivals", "popular"))
    assert trained.tested.ranker is not None
    return replace(trained.tested, cold_lift=8.0)


def bounded(bundle: Bundle, share: float) -> float:
    plan = plan_of(bundle.manifest)
    assert plan is not None
    past = build(history(), products(items=45)).interactions
    return lifting.bounded(bundle, replace(plan, cold_share=share), past).cold_lift


def test_the_released_ranker_shows_no_more_new_products_than_were_tested(released: Bundle) -> None:
    assert bounded(released, 1.0) == released.cold_lift
    assert bounded(released, 0.0) < bounded(released, 0.2) < released.cold_lift
    assert bounded(released, 0.0) == bounded(released, lifting.LEAST_SHARE), "one place in fifty is theirs"


def test_a_lift_of_nothing_and_a_bundle_without_ranker_stay_as_they_are(released: Bundle) -> None:
    for bundle in (replace(released, cold_lift=0.0), replace(released, ranker=None)):
        assert bounded(bundle, 0.0) == bundle.cold_lift
