"""How much each thing a shopper did counts now."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.data.profile import Context, Profile
from recsys.sources.decay import ProfileDecay, event_weights, query_of

DAY = 86_400.0
PROFILE = Profile(
    items=np.array([5, 2, 5, 7], np.int32),
    times=np.array([0, 0, 10 * DAY, 20 * DAY]),
    signals=np.array([0, 8, 10, 0], np.int8),
    weights=np.array([1, 1, 3, 1], np.float32),
    values=np.ones(4, np.float32),
    now=50 * DAY,
)
FLAT = ProfileDecay(half_life_days=0, step=1, signal_weights={})


@pytest.mark.parametrize(
    ("config", "weights"),
    [
        (FLAT, [1, 1, 3, 1]),
        (replace(FLAT, half_life_days=10), [0.25, 0.25, 1.5, 1]),
        (replace(FLAT, step=0.5), [0.25, 0.25, 1.5, 1]),
        (replace(FLAT, step=0.5, gap_minutes=10 * 1440), [1, 1, 3, 1]),
        (replace(FLAT, signal_weights={"remove": 0.0, "purchase": 2.0}), [1, 0, 6, 1]),
    ],
)
def test_age_steps_and_signals_weigh(config: ProfileDecay, weights: list[float]) -> None:
    assert event_weights(PROFILE, config).tolist() == pytest.approx(weights)


def test_events_of_one_item_add_up_and_unknown_items_are_left_out() -> None:
    codes, weights = query_of(PROFILE, Context(), FLAT, 6)

    assert codes.tolist() == [2, 5]
    assert weights.tolist() == [1, 4]


def test_the_items_looked_at_replace_the_history() -> None:
    codes, weights = query_of(PROFILE, Context(items=(3, 1, 3)), FLAT, 6)

    assert codes.tolist() == [1, 3]
    assert weights.tolist() == [1, 2]
