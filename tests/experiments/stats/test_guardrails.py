"""Guardrails: breached only where harm is shown, holding only where it is excluded."""

from math import inf

import numpy as np
import pytest

from experiments.stats.estimates import Estimate
from experiments.stats.guardrails import guardrail_check


def effect(value: float, error: float = 0.01) -> Estimate:
    return Estimate(value, error, inf, 5_000)


@pytest.mark.parametrize(
    ("value", "is_breached", "holds"), [(-0.10, True, False), (-0.02, False, False), (0.05, False, True)]
)
def test_verdicts(value: float, is_breached: bool, holds: bool) -> None:
    check = guardrail_check(effect(value), margin=0.02)
    mirrored = guardrail_check(effect(-value), margin=0.02, higher_is_better=False)

    assert (check.is_breached, check.holds) == (is_breached, holds)
    assert (mirrored.is_breached, mirrored.holds) == (is_breached, holds)
    assert mirrored.gain == pytest.approx(check.gain)


def test_no_spread_neither_breaches_nor_holds() -> None:
    check = guardrail_check(effect(-1.0, error=0.0), margin=0.02)

    assert not check.is_breached
    assert not check.holds


def test_harm_at_the_margin_watched_fifty_times_rarely_breaches() -> None:
    rng = np.random.default_rng(3)
    steps = rng.standard_normal((400, 50)).cumsum(axis=1)

    def is_breached(total: float, look: int) -> bool:
        at_look = Estimate(-0.1 + total / look, 1 / look**0.5, inf, 200 * look)
        return guardrail_check(at_look, margin=0.1, n_star=10_000).is_breached

    breached = [any(is_breached(s, k) for s, k in zip(path, range(1, 51), strict=True)) for path in steps.tolist()]

    assert np.mean(breached) <= 0.07


def test_a_negative_margin_is_refused() -> None:
    with pytest.raises(ValueError, match="margin"):
        guardrail_check(effect(0.0), margin=-0.1)
