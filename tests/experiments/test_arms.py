"""One subject gets one arm, the same as in GrowthBook's SDK; who may not be in an experiment is in none."""

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from growthbook import GrowthBook

from experiments.arms import StickyArm, assign, is_held_out, subject_of
from experiments.design import Arm, BucketFilter, Design, LiveExperiments

ARMS = (Arm("control", "Control", 0.2), Arm("warm", "Warm", 0.3), Arm("cold", "Cold", 0.5))
NAMESPACE = BucketFilter("checkout", ((0.1, 0.8),))
DESIGN = Design("button", "seed-1", ARMS, coverage=0.7, namespace="checkout", filters=(NAMESPACE,))


def ids(n: int) -> list[str]:
    lot = random.Random(7)
    odd = ["0", " ", "null", "false", "😀", "日本", "ü", "\u200b", "a" * 500, "\ud83d", "1e3", "-1", "None"]
    kinds = [
        lambda i: str(i),
        lambda i: f"user-{i}",
        lambda i: f"😀{i}",
        lambda i: f"é{i}日本",
        lambda i: f"{lot.getrandbits(400):x}{i}",
        lambda i: f" {i} ",
    ]
    return [*odd, *(kinds[i % len(kinds)](i) for i in range(n - len(odd)))]


def sdk_arm(design: Design, live: LiveExperiments, attributes: dict[str, Any]) -> int | None:
    """Return the arm that GrowthBook's SDK gives, None outside the experiment."""
    rule = {
        "key": design.key,
        "seed": design.seed,
        "hashAttribute": "id",
        "fallbackAttribute": "anonymous_id",
        "hashVersion": 2,
        "variations": [0, 1, 2],
        "weights": [arm.weight for arm in design.arms],
        "coverage": design.coverage,
        "condition": dict(design.condition),
        "filters": [
            {"seed": one.seed, "attribute": "id", "hashVersion": 2, "ranges": [list(pair) for pair in one.ranges]}
            for one in live.filters_of(design)
        ],
    }
    sdk = GrowthBook(attributes=attributes, features={"flag": {"defaultValue": None, "rules": [rule]}})
    value: int | None = sdk.get_feature_value("flag", None)
    return value


def test_ten_thousand_ids_get_the_arm_of_the_sdk_and_every_arm_has_some() -> None:
    holdout = Design("global", "h", (Arm("held-out", "", 0.05), Arm("personalized", "", 0.95)), kind="holdout")
    live = LiveExperiments((DESIGN,), holdout)
    sizes: Counter[int | None] = Counter()
    for one in ids(10_000):
        subject = subject_of(one, "a1")
        got = assign(DESIGN, subject, live)

        arm = got.index if got.participates else None
        assert arm == sdk_arm(DESIGN, live, {"id": one, "anonymous_id": "a1"}), one
        assert got.participates or got.index == 0
        sizes[arm] += 1

    expected = 10_000 * 0.95 * 0.7 * 0.7
    assert {arm: sizes[arm] / expected for arm in range(3)} == pytest.approx({0: 0.2, 1: 0.3, 2: 0.5}, abs=0.02)
    assert sizes[None] == 10_000 - sum(sizes[arm] for arm in range(3))


def test_a_subject_without_a_user_id_is_hashed_by_the_anonymous_one() -> None:
    by_user = assign(replace(DESIGN, filters=()), subject_of("x", None))
    by_device = assign(replace(DESIGN, filters=()), subject_of(None, "x"))

    assert (by_user.index, by_user.why, by_user.bucket) == (by_device.index, by_device.why, by_device.bucket)


def test_nobody_gets_the_control_and_takes_no_part() -> None:
    got = assign(DESIGN, subject_of(None, None))

    assert (got.arm_key, got.why, got.participates) == ("control", "no_id", False)


def test_without_consent_all_get_the_control_also_those_with_a_sticky_arm() -> None:
    sticky = {"button": StickyArm(1, "cold")}

    for one in ids(500):
        got = assign(DESIGN, subject_of(one, None, sticky=sticky, consents=False))
        assert (got.arm_key, got.why, got.participates) == ("control", "no_consent", False)


def test_the_arm_from_before_the_login_stays() -> None:
    whole = replace(DESIGN, coverage=1.0, filters=(), namespace="")
    for number in range(300):
        before = assign(whole, subject_of(None, f"a{number}"))
        after = assign(whole, subject_of(f"u{number}", f"a{number}", sticky={"button": StickyArm(1, before.arm_key)}))
        assert (after.arm_key, after.why) == (before.arm_key, "sticky")


def test_a_new_epoch_ends_stickiness() -> None:
    later = replace(DESIGN, epoch=2, filters=(), coverage=1.0)
    subject = subject_of("u1", None, sticky={"button": StickyArm(1, "warm")})

    assert assign(later, subject).why == "hash"


def test_a_ramp_moves_nobody_inside() -> None:
    inside: dict[str, int] = {}
    for coverage in (0.1, 0.25, 0.5, 1.0):
        ramp = replace(DESIGN, coverage=coverage)
        for one in ids(3000):
            got = assign(ramp, subject_of(one, None))
            if got.participates:
                assert inside.setdefault(one, got.index) == got.index
            else:
                assert one not in inside


def test_after_the_end_all_get_the_final_arm_and_nobody_takes_part() -> None:
    ended = replace(DESIGN, forced_arm=2, status="shipped")

    for subject in (subject_of("u1", None), subject_of(None, None), subject_of("u2", None, consents=False)):
        got = assign(ended, subject)
        assert (got.arm_key, got.why, got.participates, got.is_in_force) == ("cold", "ended", False, True)


def test_staff_see_the_arm_they_chose_without_taking_part() -> None:
    tested = replace(DESIGN, test_units={"user:dee": 1})

    got = assign(tested, subject_of("dee", "a1"))

    assert (got.arm_key, got.why, got.participates) == ("warm", "test_unit", False)


def test_a_condition_decides_who_enters() -> None:
    targeted = replace(DESIGN, condition={"segments": {"$in": ["vip"]}}, coverage=1.0, filters=())

    inside = assign(targeted, subject_of("u1", None, attributes={"segments": ["vip"]}))
    outside = assign(targeted, subject_of("u1", None, attributes={"segments": []}))

    assert inside.participates
    assert (outside.index, outside.why) == (0, "condition")
    assert targeted.server_only
    assert not replace(DESIGN, condition={"country": "DE", "$or": [{"id": "a"}]}).server_only


def test_experiments_of_one_namespace_share_no_subject_also_over_a_login() -> None:
    low = replace(DESIGN, key="low", filters=(BucketFilter("n", ((0.0, 0.5),)),), coverage=1.0)
    high = replace(DESIGN, key="high", filters=(BucketFilter("n", ((0.5, 1.0),)),), coverage=1.0)
    live = LiveExperiments((high, low))

    for number in range(500):
        before = subject_of(None, f"a{number}")
        mine = [one for one in (low, high) if assign(one, before, live).participates]
        assert len(mine) == 1
        sticky = {mine[0].key: StickyArm(1, assign(mine[0], before, live).arm_key)}
        after = subject_of(f"u{number}", f"a{number}", sticky=sticky)
        assert [one for one in (low, high) if assign(one, after, live).participates] == mine


def test_the_hold_out_is_out_of_every_experiment() -> None:
    holdout = Design("global", "h", (Arm("held-out", "", 0.1), Arm("personalized", "", 0.9)), kind="holdout")
    live = LiveExperiments((DESIGN,), holdout)
    held_out = [one for one in ids(5000) if is_held_out(live, subject_of(one, None))]

    assert len(held_out) / 5000 == pytest.approx(0.1, abs=0.015)
    assert {assign(DESIGN, subject_of(one, None), live).why for one in held_out} == {"held_out"}
    assert not any(is_held_out(live, subject_of(one, None, consents=False)) for one in held_out)
