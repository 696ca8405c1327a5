"""Sketches of quantiles: accurate, addable, and open to taking values out again."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats.sketches import (
    ACCURACY,
    Sketch,
    merge_sketches,
    quantile,
    quantile_estimate,
    sketch_from_json,
    sketch_of,
    subtract_sketch,
    winsor_limit,
    winsorized_arm,
)

amounts = st.lists(st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-6), min_size=1, max_size=60)


@given(values=amounts, share=st.floats(0, 1))
def test_quantiles_are_within_one_percent(values: list[float], share: float) -> None:
    exact = sorted(values)[int(share * (len(values) - 1))]

    assert quantile(sketch_of(values), share) == pytest.approx(exact, rel=ACCURACY * 1.001)


@given(first=amounts, second=amounts)
def test_sketches_add_up_and_come_apart(first: list[float], second: list[float]) -> None:
    total = merge_sketches([sketch_of(first), sketch_of(second)])

    assert total == sketch_of(first + second)
    assert subtract_sketch(total, sketch_of(second)) == sketch_of(first)


@given(values=amounts)
def test_they_survive_json(values: list[float]) -> None:
    sketch = sketch_of(values)

    assert sketch_from_json(json.loads(json.dumps(sketch.as_json()))) == sketch


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        sketch_of([1.0, float("nan")])
    with pytest.raises(ValueError, match="not in"):
        subtract_sketch(sketch_of([1.0]), sketch_of([2.0]))
    with pytest.raises(ValueError, match="no sketch"):
        sketch_from_json({"zeros": 1, "positive": 3, "negative": []})
    with pytest.raises(ValueError, match="share"):
        quantile(sketch_of([1.0]), 1.5)


def test_an_empty_sketch_has_no_quantile() -> None:
    assert np.isnan(quantile(Sketch(), 0.5))
    assert not quantile_estimate(Sketch(), 0.5).is_usable


def test_the_error_of_a_quantile_is_that_of_repeated_samples() -> None:
    rng = np.random.default_rng(3)
    estimates = [quantile_estimate(sketch_of(rng.lognormal(size=4_000)), 0.9) for _ in range(300)]

    spread = np.std([estimate.value for estimate in estimates])

    assert np.mean([estimate.standard_error for estimate in estimates]) == pytest.approx(spread, rel=0.15)


def test_large_values_are_cut_alike_in_all_arms() -> None:
    rng = np.random.default_rng(4)
    control, treatment = rng.lognormal(sigma=2, size=(2, 5_000))
    sketches = [sketch_of(control), sketch_of(treatment)]

    limit = winsor_limit(sketches, 0.99)
    arm = winsorized_arm(sketches[0], limit)

    assert limit == pytest.approx(np.quantile(np.concatenate([control, treatment]), 0.99), rel=0.02)
    assert arm.n == 5_000
    assert arm.means[0] == pytest.approx(np.minimum(control, limit).mean(), rel=0.01)
    assert arm.covariance[0][0] == pytest.approx(np.minimum(control, limit).var(ddof=1), rel=0.02)
