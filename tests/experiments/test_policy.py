"""Each rule of the policy, at its boundary: what it does, what it waits for, and which rule goes first."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from experiments.fairness import GroupGuardrail
from experiments.policy import Decision, Ramp, decide, outlook
from experiments.ramp import Traffic
from experiments.results import ArmValue, Breakdown, Group
from tests.experiments.policy_worlds import (
    BETTER,
    BREACHED,
    HOLDS,
    NOW,
    OPEN,
    UNDECIDED,
    WORSE,
    comparison,
    metric,
    results,
    state,
)

HOUR = timedelta(hours=1)
NEARLY_FULL = {"traffic": Traffic(1.0, {"control": 0.5, "warm": 0.5})}


def what(decision: Decision | None) -> tuple[str, str, str] | None:
    return None if decision is None else (decision.action, decision.arm, decision.rule)


def guardrail(one: Any) -> Any:
    return metric("guardrail", replace(UNDECIDED, guardrail=one), key="bounce_rate")


def test_a_better_arm_ships_by_the_first_stage_above_its_share() -> None:
    decision = decide(results(), state())  # warm has 5 % of all traffic

    assert what(decision) == ("ramp", "warm", "goal_better")
    assert decision is not None
    assert decision.share == 0.10
    assert decision.sentence == (
        "Give Warm 10 % of the traffic: it is better: +5.0 % (+1.0 % to +9.0 %), and all guardrails hold."
    )


def test_an_arm_that_has_half_of_the_traffic_ships_at_once() -> None:
    assert what(decide(results(), state(**NEARLY_FULL))) == ("ship", "warm", "goal_better")


@pytest.mark.parametrize("low", [0.0, -0.001])
def test_a_bound_at_zero_does_not_ship(low: float) -> None:
    one = outlook(results(comparison(low, 0.05)), state())

    assert (one.decision, one.sentence) == (None, "No arm is shown to be better so far.")


def test_lower_is_better_turns_the_side() -> None:
    goal = metric("goal", WORSE, higher_is_better=False)
    assert what(decide(results(goal), state())) == ("ramp", "warm", "goal_better")
    assert decide(results(metric("goal", BETTER, higher_is_better=False)), state()) is None


def test_a_losing_arm_is_never_chosen() -> None:
    assert decide(results(WORSE), state()) is None
    ended = decide(results(WORSE, progress={"days": 28.0}), state())
    futile = decide(results(WORSE, progress={"is_futile": True}), state())

    assert (what(ended), what(futile)) == (
        ("stop_at_maximum", "control", "maximum_runtime"),
        ("stop_futile", "control", "futile"),
    )


@pytest.mark.parametrize("chance", [0.999999, None])
def test_the_chance_to_win_decides_nothing(chance: float | None) -> None:
    assert decide(results(replace(UNDECIDED, chance_to_win=chance)), state()) is None


def test_of_several_arms_the_best_that_holm_confirms_ships() -> None:
    goal = metric(
        "goal",
        comparison(0.01, 0.05, arm="warm", adjusted=0.01),
        comparison(0.02, 0.08, arm="cold", adjusted=0.02),
        comparison(0.03, 0.12, arm="gray", adjusted=0.051),
    )
    traffic = Traffic(1.0, {"control": 0.4, "warm": 0.2, "cold": 0.2, "gray": 0.2})

    decision = decide(results(goal), state(traffic=traffic))

    assert what(decision) == ("ramp", "cold", "goal_better")
    assert decision is not None
    assert decision.share == 0.25


@pytest.mark.parametrize(
    ("low", "expected"),
    [(-0.0199, ("ramp", "warm", "goal_not_worse")), (-0.02, None), (0.001, ("ramp", "warm", "goal_better"))],
)
def test_a_goal_with_a_margin_ships_what_is_not_worse(low: float, expected: Any) -> None:
    assert what(decide(results(comparison(low, 0.03)), state(goal_margin=0.02))) == expected


def test_a_margin_of_a_planned_test_is_read_at_its_end_alone() -> None:
    goal, margin = comparison(-0.01, 0.03), {"goal_margin": 0.02}
    early = results(goal, inference="group_sequential", progress={"information": 0.5})
    end = results(goal, inference="group_sequential", progress={"information": 1.0})

    assert decide(early, state(**margin)) is None
    assert decide(end, state(has_final_look=False, **margin)) is None
    assert what(decide(end, state(**margin))) == ("ramp", "warm", "goal_not_worse")


def test_a_breach_in_one_arm_leaves_the_other_arm_its_win() -> None:
    goal = metric("goal", comparison(0.02, 0.09), comparison(0.01, 0.05, arm="cold"))
    guards = [replace(UNDECIDED, arm=arm, guardrail=one) for arm, one in (("warm", BREACHED), ("cold", HOLDS))]
    traffic = Traffic(1.0, {"control": 0.4, "warm": 0.3, "cold": 0.3})

    one = outlook(results(goal, metric("guardrail", *guards, key="bounce_rate")), state(traffic=traffic))

    assert [what(decision) for decision in one.decisions] == [
        ("roll_back", "warm", "guardrail_breached"),
        ("ramp", "cold", "goal_better"),
    ]


def test_an_arm_without_traffic_neither_wins_nor_breaches() -> None:
    traffic = Traffic(1.0, {"control": 1.0, "warm": 0.0})

    assert outlook(results(BETTER, guardrail(BREACHED)), state(traffic=traffic)).decisions == ()


def test_a_margin_of_several_arms_counts_for_nothing() -> None:
    goal = metric("goal", comparison(-0.01, 0.05), comparison(-0.01, 0.05, arm="cold"))
    traffic = Traffic(1.0, {"control": 0.4, "warm": 0.3, "cold": 0.3})

    assert decide(results(goal), state(goal_margin=0.02, traffic=traffic)) is None


@pytest.mark.parametrize(
    ("days", "least", "ships"), [(6.999, 3, False), (7.0, 3, True), (7.0, 10, False), (10.0, 10, True)]
)
def test_nothing_ships_before_seven_full_days_and_the_minimum_of_the_design(
    days: float, least: int, ships: bool
) -> None:
    one = outlook(results(progress={"days": days, "minimum_days": least}), state())

    assert (one.decision is not None) == ships
    if not ships:
        assert one.sentence.startswith(f"It runs for {days if days == 7 else 6.9:g} of at least {max(7, least)} days")


@pytest.mark.parametrize(("units", "ships"), [(999, False), (1_000, True)])
def test_nothing_ships_below_the_minimum_size(units: int, ships: bool) -> None:
    one = outlook(results(units=units), state())

    assert (one.decision is not None) == ships
    assert ships or one.sentence == "Warm is ahead; both arms need 1,000 units before anything ships."


def test_nothing_ships_while_a_guardrail_does_not_hold() -> None:
    assert what(decide(results(BETTER, guardrail(HOLDS)), state())) == ("ramp", "warm", "goal_better")
    for one in (OPEN, None):
        result = outlook(results(BETTER, guardrail(one)), state())
        assert (result.decision, result.sentence) == (
            None,
            "Warm is ahead, but harm to Bounce rate beyond its margin is not excluded yet.",
        )


@pytest.mark.parametrize(
    "fields",
    [
        {"progress": {"days": 0.01}},
        {"health": {"is_mismatch": True}},
        {"health": {"counted_until": NOW - 9 * HOUR}},
        {"progress": {"is_futile": True}},
        {"progress": {"days": 30.0}},
        {"units": 3},
        {"inference": "fixed"},
    ],
)
@pytest.mark.parametrize("ramp", [None, Ramp("warm", NOW)])
def test_a_breached_guardrail_rolls_back_at_once(fields: dict[str, Any], ramp: Ramp | None) -> None:
    decision = decide(results(BETTER, guardrail(BREACHED), **fields), state(ramp=ramp))

    assert what(decision) == ("roll_back", "warm", "guardrail_breached")
    assert decision is not None
    assert decision.sentence == "Warm harms Bounce rate beyond its margin: +0.0 % (-4.0 % to +4.0 %)."


def test_with_a_mismatch_of_shares_nothing_ships_and_it_is_said_why() -> None:
    more: list[dict[str, Any]] = [{}, {"progress": {"is_futile": True}}]
    for fields in more:
        one = outlook(results(health={"is_mismatch": True}, **fields), state())
        assert (one.decision, "shares of the arms differ" in one.sentence) == (None, True)


@pytest.mark.parametrize(("age", "ships"), [(HOUR, True), (HOUR + timedelta(seconds=1), False), (None, False)])
def test_old_numbers_ship_nothing(age: timedelta | None, ships: bool) -> None:
    counted_until = None if age is None else NOW - age
    one = outlook(results(health={"counted_until": counted_until}), state())

    assert (one.decision is not None) == ships
    assert ships or one.sentence in (
        "Nothing is counted yet.",
        "The numbers are old, counted until 2026-05-20 10:59 UTC, so nothing ships.",
    )


@pytest.mark.parametrize(("days", "expected"), [(6.9, None), (7.0, ("stop_futile", "control", "futile"))])
def test_a_futile_test_ends_after_the_minimum_runtime(days: float, expected: Any) -> None:
    assert what(decide(results(UNDECIDED, progress={"is_futile": True, "days": days}), state())) == expected


def test_a_winner_is_not_futile() -> None:
    assert what(decide(results(BETTER, progress={"is_futile": True}), state())) == ("ramp", "warm", "goal_better")


@pytest.mark.parametrize(
    ("days", "expected"), [(27.99, None), (28.0, ("stop_at_maximum", "control", "maximum_runtime"))]
)
def test_the_maximum_runtime_ends_with_the_control(days: float, expected: Any) -> None:
    assert what(decide(results(UNDECIDED, progress={"days": days}), state())) == expected


@pytest.mark.parametrize(
    "fields", [{"health": {"is_mismatch": True}}, {"health": {"counted_until": None}}, {"units": 9}]
)
def test_the_maximum_runtime_ends_also_what_may_not_ship(fields: dict[str, Any]) -> None:
    decision = decide(results(BETTER, progress={"days": 28.0}, **fields), state())

    assert what(decision) == ("stop_at_maximum", "control", "maximum_runtime")


def test_without_a_goal_nothing_ships() -> None:
    traffic = Traffic(1.0, {"control": 1.0})
    only_control = replace(results(), metrics=())

    assert decide(only_control, state(traffic=traffic)) is None


def test_a_fixed_test_is_read_at_its_end_alone() -> None:
    early = outlook(results(inference="fixed", progress={"information": 0.99}), state())
    end = decide(results(inference="fixed", progress={"information": 1.0}), state())
    late = decide(results(inference="fixed", progress={"information": None, "days": 28.0}), state())
    short = decide(results(inference="fixed", progress={"information": 0.7, "days": 28.0}), state())

    assert (early.decision, early.sentence) == (None, "This test is read once, at its planned end.")
    assert what(end) == what(late) == ("ramp", "warm", "goal_better")
    assert what(short) == ("stop_at_maximum", "control", "maximum_runtime")


@pytest.mark.parametrize("inference", ["fixed", "group_sequential"])
def test_a_complete_plan_without_a_gain_ends_once_its_last_look_is_taken(inference: str) -> None:
    full = results(UNDECIDED, inference=inference, progress={"information": 1.0})

    assert decide(full, state(has_final_look=False)) is None
    assert what(decide(full, state())) == ("stop_at_maximum", "control", "plan_complete")


@pytest.mark.parametrize("inference", ["fixed", "group_sequential"])
def test_what_a_planned_look_found_stands_while_the_arm_is_ahead(inference: str) -> None:
    full: dict[str, Any] = {"inference": inference, "progress": {"information": 1.0}}
    ahead, behind = (replace(comparison(low, 0.05), is_significant=True) for low in (-0.01, -0.06))

    assert what(decide(results(ahead, **full), state())) == ("ramp", "warm", "goal_better")
    assert what(decide(results(behind, **full), state())) == ("stop_at_maximum", "control", "plan_complete")


def test_an_always_valid_test_may_go_on_beyond_its_plan() -> None:
    assert decide(results(UNDECIDED, progress={"information": 1.4}), state()) is None


def test_each_stage_of_a_ramp_is_watched_for_its_time() -> None:
    tenth = Traffic(0.2, {"control": 0.5, "warm": 0.5})
    early = outlook(results(), state(traffic=tenth, ramp=Ramp("warm", NOW - timedelta(hours=23, minutes=59))))
    over = decide(results(), state(traffic=tenth, ramp=Ramp("warm", NOW - timedelta(days=1))))

    assert (early.decision, early.sentence) == (None, "Warm has 10 % of the traffic, and this stage is watched.")
    assert what(over) == ("ramp", "warm", "ramp_stage_over")
    assert over is not None
    assert over.share == 0.25


def test_the_last_stage_ships() -> None:
    decision = decide(results(), state(ramp=Ramp("warm", NOW - timedelta(days=1)), **NEARLY_FULL))

    assert what(decision) == ("ship", "warm", "ramp_stage_over")


def test_a_ramp_needs_no_new_proof_but_an_arm_that_is_still_ahead() -> None:
    ramp = Ramp("warm", NOW - timedelta(days=2))
    ahead, behind = comparison(-0.01, 0.03), comparison(-0.03, 0.02)

    assert what(decide(results(ahead), state(ramp=ramp))) == ("ramp", "warm", "ramp_stage_over")
    waits = outlook(results(behind), state(ramp=ramp))
    assert (waits.decision, waits.sentence) == (None, "Warm is no longer ahead: the ramp waits at this stage.")
    assert what(decide(results(behind), state(ramp=ramp, goal_margin=0.02))) == ("ramp", "warm", "ramp_stage_over")


def test_an_arm_that_proves_worse_in_its_ramp_is_rolled_back() -> None:
    assert what(decide(results(WORSE), state(ramp=Ramp("warm", NOW)))) == ("roll_back", "warm", "goal_worse_in_ramp")


@pytest.mark.parametrize(
    "fields", [{"health": {"is_mismatch": True}}, {"health": {"counted_until": None}}, {"units": 9}]
)
def test_a_ramp_is_under_the_same_watch(fields: dict[str, Any]) -> None:
    ramp = Ramp("warm", NOW - timedelta(days=2))

    assert decide(results(BETTER, **fields), state(ramp=ramp)) is None
    assert decide(results(BETTER, guardrail(OPEN)), state(ramp=ramp)) is None


def test_the_maximum_runtime_ends_a_ramp_that_waits_and_none_that_goes_on() -> None:
    late: dict[str, Any] = {"progress": {"days": 29.0}}
    over, watched = (Ramp("warm", NOW - timedelta(hours=hours)) for hours in (30, 3))

    assert decide(results(BETTER, **late), state(ramp=watched)) is None
    assert what(decide(results(BETTER, **late), state(ramp=over))) == ("ramp", "warm", "ramp_stage_over")
    assert what(decide(results(BETTER, guardrail(OPEN), **late), state(ramp=over))) == (
        "stop_at_maximum",
        "control",
        "maximum_runtime",
    )


def by_device(low: float, high: float, *, units: int = 2_000, others: int = 0) -> Any:
    one = comparison(low, high)
    arms = (ArmValue("control", units, 1.0), ArmValue("warm", units, 1.0))
    calm = tuple(Group(f"other{number}", arms, (UNDECIDED,)) for number in range(others))
    return metric("goal", BETTER, breakdowns=(Breakdown("device", (Group("mobile", arms, (one,)), *calm)),))


FAIR = {"groups": (GroupGuardrail("conversion_rate", "device", 0.02),)}


def test_harm_to_one_group_rolls_back_although_all_together_gain() -> None:
    decision = decide(results(by_device(-0.20, -0.14), progress={"days": 1.0}), state(**FAIR))

    assert what(decision) == ("roll_back", "warm", "group_breached")
    assert decision is not None
    assert decision.sentence == "Warm harms conversion_rate of the group device mobile beyond its margin."
    assert [(one["group"], one["is_breached"]) for one in decision.inputs["groups"]] == [("mobile", True)]


def test_harm_within_the_margin_or_too_few_units_is_no_breach() -> None:
    assert what(decide(results(by_device(-0.03, -0.01)), state(**FAIR))) == ("ramp", "warm", "goal_better")
    assert what(decide(results(by_device(-0.20, -0.14, units=3)), state(**FAIR))) == ("ramp", "warm", "goal_better")


def test_more_groups_need_more_proof() -> None:
    low, high = -0.0632, -0.0232
    alone = decide(results(by_device(low, high)), state(**FAIR))
    among = decide(results(by_device(low, high, others=40)), state(**FAIR))

    assert (what(alone), what(among)) == (("roll_back", "warm", "group_breached"), ("ramp", "warm", "goal_better"))


def test_a_decision_holds_every_number_as_json() -> None:
    decision = decide(results(BETTER, guardrail(HOLDS)), state(ramp=Ramp("warm", NOW - timedelta(days=2))))

    assert decision is not None
    inputs = orjson.loads(orjson.dumps(decision.inputs))
    assert inputs["goal"]["arms"]["warm"]["low"] == 0.01
    assert inputs["guardrails"][0]["holds"] is True
    assert inputs["units"] == {"control": 2_000, "warm": 2_000}
    assert inputs["ramp"] == {"arm": "warm", "since": "2026-05-18T12:00:00+00:00"}
    assert (inputs["srm_p_value"], inputs["progress"]["days"], inputs["coverage"], inputs["share"]) == (
        0.5,
        10.0,
        0.1,
        0.1,
    )
