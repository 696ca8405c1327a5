"""A ramp gives the winner more traffic, stage by stage, and takes it from nobody who has it."""

from dataclasses import replace
from typing import Any

import pytest

from common.errors import Conflict, InvalidInput
from experiments.arms import StickyArm, assign, subject_of
from experiments.design import Design, LiveExperiments
from experiments.models import Experiment
from experiments.ramp import STAGES, Traffic, next_stage, traffic_at
from experiments.selectors.designs import design
from experiments.services.designs import create_experiment
from experiments.services.holdout import start_holdout
from experiments.services.lifecycle import ship, start, undo
from experiments.services.ramps import ramp

MO = "staff:7"
ARMS = [{"key": "control", "weight": 0.5}, {"key": "warm", "weight": 0.2}, {"key": "cold", "weight": 0.3}]
IDS = [f"shopper-{number}" for number in range(5_000)]


@pytest.mark.parametrize(
    ("share", "stage"), [(0.0, 0.1), (0.0999, 0.1), (0.1, 0.25), (0.3, 0.5), (0.5, 1.0), (0.99, 1.0), (1.0, 1.0)]
)
def test_stages_below_the_present_share_are_skipped(share: float, stage: float) -> None:
    assert next_stage(share) == stage


def test_coverage_grows_first_and_then_the_weights() -> None:
    traffic = Traffic(0.2, {"control": 0.5, "warm": 0.2, "cold": 0.3})

    first = traffic_at(traffic, "warm", 0.1)
    assert (first.coverage, first.weights) == (0.5, traffic.weights)
    second = traffic_at(first, "warm", 0.25)
    assert second.coverage == 1.0
    assert dict(second.weights) == pytest.approx({"control": 0.46875, "warm": 0.25, "cold": 0.28125})
    with pytest.raises(ValueError, match="only goes up"):
        traffic_at(second, "warm", 0.25)
    with pytest.raises(ValueError, match="last stage"):
        traffic_at(second, "warm", 1.0)


def arms_of(one: Design) -> dict[str, str | None]:
    assignments = {name: assign(one, subject_of(name, None)) for name in IDS}
    return {name: got.arm_key if got.participates else None for name, got in assignments.items()}


@pytest.mark.django_db
@pytest.mark.parametrize("winner", ["warm", "cold"])
@pytest.mark.parametrize("coverage", [0.05, 0.3, 1.0])
def test_nobody_who_has_the_winner_loses_it_at_any_stage(winner: str, coverage: float) -> None:
    create_experiment("button", data={"arms": ARMS, "coverage": coverage}, actor=MO)
    # With a random seed one share in 200 is further off than .02, which is 2.8 standard errors of 5,000 ids.
    Experiment.objects.update(seed="ramps")
    start("button", actor=MO)
    have: set[str] = {name for name, arm in arms_of(design("button")).items() if arm == winner}
    share = coverage * next(float(str(arm["weight"])) for arm in ARMS if arm["key"] == winner)
    for stage in [stage for stage in STAGES[:-1] if stage > share]:
        ramp("button", arm=winner, share=stage, actor=MO)
        now = {name for name, arm in arms_of(design("button")).items() if arm == winner}
        assert have <= now
        assert len(now) / len(IDS) == pytest.approx(stage, abs=0.02)
        have = now
    ship("button", arm=winner, actor=MO)
    shipped = design("button")
    assert {assign(shipped, subject_of(name, None)).arm_key for name in IDS} == {winner}


@pytest.mark.django_db
def test_a_stage_within_the_weight_moves_nobody_and_starts_no_epoch() -> None:
    create_experiment("button", data={"arms": ARMS, "coverage": 0.25}, actor=MO)
    start("button", actor=MO)
    before = arms_of(design("button"))

    step = ramp("button", arm="warm", share=0.1, actor=MO)

    after = arms_of(design("button"))
    assert {name: after[name] for name in before if before[name]} == {name: one for name, one in before.items() if one}
    assert step.after == {"coverage": 0.5, "ramp_arm": "warm"}
    assert design("button").epoch == 1
    further = ramp("button", arm="warm", share=0.25, actor=MO)
    assert sorted(further.after) == ["arms", "coverage"]
    assert design("button").epoch == 2

    undo(further.pk, actor=MO)
    undo(step.pk, actor=MO)
    row = Experiment.objects.get()
    assert (row.coverage, row.ramp_arm, row.epoch) == (0.25, "", 3)
    assert [arm.weight for arm in row.arms.order_by("position")] == [0.5, 0.2, 0.3]


@pytest.mark.django_db
def test_a_ramp_goes_up_with_one_arm_that_is_no_control() -> None:
    create_experiment("button", data={"arms": ARMS, "coverage": 0.25}, actor=MO)
    start("button", actor=MO)
    ramp("button", arm="warm", share=0.1, actor=MO)

    refusals: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"arm": "warm", "share": 0.1}, Conflict, "only goes up"),
        ({"arm": "cold", "share": 0.5}, Conflict, "warm is on its way"),
        ({"arm": "control", "share": 0.5}, InvalidInput, "besides the control"),
        ({"arm": "gray", "share": 0.5}, InvalidInput, "no arm gray"),
        ({"arm": "warm", "share": 1.0}, InvalidInput, "below 1"),
    ]
    for values, error, text in refusals:
        with pytest.raises(error, match=text):
            ramp("button", actor=MO, **values)
    hold_out = start_holdout(share=0.05, actor=MO).experiment.key
    with pytest.raises(Conflict, match="no winner"):
        ramp(hold_out, arm="personalized", share=0.99, actor=MO)


def grown() -> Design:
    """Return an experiment whose second epoch gives warm half of the traffic."""
    create_experiment("button", data={"arms": ARMS, "coverage": 1.0}, actor=MO)
    start("button", actor=MO)
    ramp("button", arm="warm", share=0.5, actor=MO)
    return design("button")


@pytest.mark.django_db
def test_an_arm_that_a_login_kept_outlives_the_new_split_and_is_not_counted() -> None:
    one = grown()
    control = next(name for name, arm in arms_of(one).items() if arm == "control")
    warm = next(name for name, arm in arms_of(one).items() if arm == "warm")

    def again(name: str, sticky: StickyArm, of: Design = one) -> tuple[str, str, bool]:
        got = assign(of, subject_of(name, "a1", sticky={"button": sticky}))
        return got.arm_key, got.why, got.participates

    assert again(control, StickyArm(1, "warm")) == ("warm", "ramped", False)
    assert again(warm, StickyArm(1, "warm")) == ("warm", "hash", True)
    assert again(warm, StickyArm(1, "cold")) == ("warm", "hash", True)
    assert again(control, StickyArm(2, "warm")) == ("warm", "sticky", True)
    assert again(control, StickyArm(1, "warm"), replace(one, ramp_arm=None)) == ("control", "hash", True)
    missed = replace(one, condition={"country": "DE"})
    assert again(warm, StickyArm(1, "warm"), missed) == ("warm", "ramped", False)


@pytest.mark.django_db
def test_who_keeps_a_ramped_arm_enters_no_other_experiment_of_the_namespace() -> None:
    one = replace(grown(), namespace="checkout")
    other = Design("other", "seed-2", one.arms, namespace="checkout")
    live = LiveExperiments((one, other))
    name = next(name for name, arm in arms_of(one).items() if arm == "control")

    subject = subject_of(name, None, sticky={"button": StickyArm(1, "warm")})
    assert assign(other, subject, live).why == "namespace"
    assert assign(other, subject_of(name, None, sticky={"button": StickyArm(1, "cold")}), live).why == "hash"
