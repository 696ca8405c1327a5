"""The cold lift that is released: what validation's curve allows, and never nothing because two wishes conflict."""

import numpy as np
import pytest

from personalization.training import lifting
from personalization.training.judging import Judging


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
        return {"lift": lift, **dict(zip(names, values, strict=True))}

    monkeypatch.setattr(lifting, "LIFTS", tuple(curve))
    monkeypatch.setattr(lifting, "lifted", lambda candidates, scores, untouched, lift: scores)
    monkeypatch.setattr(lifting, "_point", point)
    return lifting.tuned_lift(_Judged(), np.zeros(1, np.float32))[0]  # type: ignore[arg-type]


def test_the_most_that_known_products_can_bear(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = {0.0: (0.036, 0.0417, 0.046), 0.75: (0.038, 0.0408, 0.085), 2.0: (0.0403, 0.0375, 0.134)}

    found = chosen(monkeypatch, curve)

    assert found == 0.75 + 1.25 / 4, "the step to the next lift is halved until little is missing"
    assert np.interp(found, list(curve), [warm for _, warm, _ in curve.values()]) >= 0.95 * 0.0417


def test_none_where_the_whole_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = {0.0: (0.036, 0.0417, 0.046), 0.75: (0.0359, 0.0416, 0.085)}

    assert chosen(monkeypatch, curve) == 0.0


def test_of_equal_lifts_the_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = {0.0: (0.036, 0.0417, 0.0), 0.5: (0.037, 0.0416, 0.05), 1.0: (0.038, 0.0415, 0.05)}

    assert chosen(monkeypatch, curve) == 0.5
