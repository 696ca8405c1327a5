"""The draw of exploration: by suitability, with known chances, repeatable."""

from dataclasses import replace

import numpy as np
import pytest

from personalization.serving.exploration_draw import (
    CHOICE,
    draw,
    most_suitable,
    request_rng,
)
from recsys.data.profile import Profile

NOW = 1_760_000_000.0
PROFILE = Profile.empty(NOW)


def test_likeness_then_category_then_newness() -> None:
    codes = np.array([4, 5, 6, 7], np.int32)
    likeness = np.array([0.0, 0.9, 0.0, 0.0], np.float32)
    kin = np.array([False, False, True, False])
    born = np.array([NOW, NOW - 9, NOW - 9, NOW - 5])

    assert most_suitable(codes, likeness, kin, born).tolist() == [5, 6, 4, 7]


def test_draw_is_among_the_most_suitable() -> None:
    codes = np.arange(30, dtype=np.int32)
    nothing = np.zeros(30, np.float32)

    chosen = most_suitable(codes, nothing, nothing.astype(bool), np.arange(30, dtype=np.float64))

    assert chosen.tolist() == list(range(29, 29 - CHOICE, -1))


def test_draw_matches_the_stated_chances() -> None:
    codes, rng, draws = np.array([8, 9, 7], np.int32), np.random.default_rng(7), 6_000
    firsts = {8: 0, 9: 0, 7: 0}
    chances = {}
    for _ in range(draws):
        order = draw(codes, rng)
        firsts[order.codes[0]] += 1
        chances[order.codes[0]] = order.chance(0, [True] * 3, share=1.0)

    assert chances == pytest.approx({8: 6 / 11, 9: 3 / 11, 7: 2 / 11}), "the n-th best weighs 1 / n"
    for code, chance in chances.items():
        assert firsts[code] / draws == pytest.approx(chance, abs=0.025)


def test_spent_budget_raises_the_other_chances() -> None:
    order = draw(np.array([8, 9], np.int32), np.random.default_rng(1))

    assert order.chance(1, [False, True], share=0.1) == pytest.approx(0.1)


def test_no_draw_without_new_products() -> None:
    assert draw(np.empty(0, np.int32), np.random.default_rng(1)).codes == ()


def test_draw_depends_on_the_request_only() -> None:
    def first(placement: str, profile: Profile, context: tuple[int, ...] = ()) -> float:
        return float(request_rng(placement, profile, context).random())

    assert first("home", PROFILE) == first("home", PROFILE)
    others = [
        first("trending", PROFILE),
        first("home", PROFILE, (3,)),
        first("home", replace(PROFILE, now=NOW + 3600)),
        first("home", replace(PROFILE, items=np.array([1], np.int32))),
    ]
    assert len({first("home", PROFILE), *others}) == 5
