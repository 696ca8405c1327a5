"""What a plan needs, in numbers and in words."""

import pytest

from experiments.sizing import Question, days_until, size, units_within
from experiments.stats.power import InferenceKind

RATE = 0.12
WEEK = (900, 500, 500, 400, 400, 300, 400)


def question(**more: object) -> Question:
    fields = {"value": RATE, "variance": RATE * (1 - RATE), "effect": 0.05, "weights": (0.5, 0.5), "daily": WEEK * 4}
    return Question(**{**fields, **more})  # type: ignore[arg-type]


def test_the_sentence_names_shoppers_days_and_the_fixed_test() -> None:
    sizing = size(question())
    fixed = next(one for one in sizing.options if one.kind is InferenceKind.FIXED)

    assert (
        sizing.sentences[0]
        == f"Needs {sizing.chosen.arm_units:,} shoppers in each arm, about {sizing.chosen.days} days."
    )
    assert sizing.sentences[1] == f"The fixed test would need {fixed.arm_units:,} but may be read only once."
    # Two proportions of 12 % and 5 % of it, both with the control's variance: 2 (1.96 + .8416)² p (1 − p) / (.006)².
    assert fixed.arm_units == pytest.approx(2 * 2.8016**2 * RATE * (1 - RATE) / (RATE * 0.05) ** 2, rel=1e-3)
    assert 1.5 < sizing.chosen.cost.size_ratio < 1.9


def test_each_inference_has_its_price() -> None:
    ratios = {one.kind: one.cost.size_ratio for one in size(question()).options}

    assert ratios[InferenceKind.FIXED] == 1
    assert 1 < ratios[InferenceKind.GROUP_SEQUENTIAL] < 1.1 < ratios[InferenceKind.ALWAYS_VALID]


def test_too_few_days_name_the_effect_that_could_be_seen() -> None:
    short, long = size(question(most_days=14)), size(question(most_days=10_000))

    assert short.detectable is not None
    assert short.detectable > 0.05
    assert short.sentences[-1].startswith("In 14 days it would find an effect of")
    assert len(long.sentences) == 2


def test_a_larger_effect_fewer_arms_and_more_shoppers_make_it_short() -> None:
    usual = size(question()).chosen

    assert size(question(effect=0.1)).chosen.units == pytest.approx(usual.units / 4, rel=0.01)
    three = size(question(weights=(1 / 3, 1 / 3, 1 / 3)))
    assert three.chosen.arm_units > usual.arm_units
    assert "each has to prove more" in " ".join(three.sentences)
    half = size(question(coverage=0.5)).chosen.days
    assert half is not None
    assert usual.days is not None
    assert half == pytest.approx(2 * usual.days, rel=0.05)


def test_days_follow_the_shoppers_who_are_new_on_each() -> None:
    assert days_until(900, WEEK, 1.0) == 1
    assert days_until(901, WEEK, 1.0) == 2
    assert days_until(sum(WEEK) + 1, WEEK, 1.0) == 8
    assert days_until(100, (), 1.0) is None
    assert units_within(WEEK, 2, 0.5) == 700
    assert units_within(WEEK, 14, 1.0) == pytest.approx(2 * sum(WEEK))


def test_a_shop_without_shoppers_knows_no_days() -> None:
    assert "nobody came lately" in size(question(daily=())).sentences[0]


@pytest.mark.parametrize("weights", [(1.0, 0.0), (1.0,)])
def test_an_arm_without_shoppers_has_no_size(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="every arm"):
        size(question(weights=weights))
