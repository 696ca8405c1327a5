"""A policy recommends, asks or acts, as its mode says; each decision is on record, and a person has the last word."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.conf import settings

from audit.models import AuditEvent
from common.errors import Conflict, InvalidInput, NotFound
from experiments.models import Experiment, Proposal, Step
from experiments.results import ExperimentResults
from experiments.selectors.policies import policy_outlook, waiting_proposals
from experiments.services import policies
from experiments.services.designs import create_experiment, edit_experiment
from experiments.services.lifecycle import start, stop, undo
from experiments.services.policies import (
    POLICY,
    apply_policies,
    apply_policy,
    approve,
    decline,
    pause_policies,
    resume_policies,
)
from experiments.tasks import apply_all_policies
from tests.experiments.policy_worlds import BREACHED, HEALTH, HOLDS, NOW, UNDECIDED, WORSE, metric, results

pytestmark = pytest.mark.django_db
MO = "staff:7"
HOUR = timedelta(hours=1)
BREACH = results(UNDECIDED, metric("guardrail", replace(UNDECIDED, guardrail=BREACHED), key="bounce_rate"))

THREE = [
    {"key": "control", "weight": 0.5},
    {"key": "warm", "weight": 0.25},
    {"key": "cold", "weight": 0.25},
]


def both_breach(*arms: str) -> ExperimentResults:
    """Return results of three arms of which these breach a guardrail."""
    goal = metric("goal", UNDECIDED, replace(UNDECIDED, arm="cold"))
    guards = [replace(UNDECIDED, arm=arm, guardrail=BREACHED if arm in arms else HOLDS) for arm in ("warm", "cold")]
    return results(goal, metric("guardrail", *guards, key="bounce_rate"))


class Shop:
    """What is measured of the experiment: the tests say it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.results = NOW, results()
        monkeypatch.setattr("experiments.selectors.policies.results_of", self.results_of)

    def results_of(self, key: str, *, at: Any = None, with_breakdowns: bool = True) -> ExperimentResults:
        if key == "broken":
            raise RuntimeError("no numbers")
        return replace(self.results, health=replace(HEALTH, counted_until=at))

    def tick(self, *, hours: float = 0.0) -> Proposal | None:
        self.now += hours * HOUR
        return apply_policy("button", now=self.now)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(monkeypatch)


@pytest.fixture
def run(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    monkeypatch.setattr("common.clock.now", lambda: shop.now)

    def of(mode: str, key: str = "button", **data: Any) -> None:
        arms = [{"key": "control", "weight": 0.5}, {"key": "warm", "weight": 0.5}]
        create_experiment(key, data={"policy_mode": mode, "coverage": 0.1, "arms": arms, **data}, actor=MO)
        start(key, actor=MO)

    return of


def row() -> Experiment:
    return Experiment.objects.get(key="button")


def weights() -> dict[str, float]:
    return dict(row().arms.order_by("position").values_list("key", "weight"))


def state() -> tuple[str, float, str]:
    one = row()
    return one.status, one.coverage, one.ramp_arm


def events(action: str) -> list[dict[str, Any]]:
    bodies = [orjson.loads(bytes(one.body)) for one in AuditEvent.objects.order_by("id")]
    return [one for one in bodies if one["action"] == f"experiment.{action}"]


def test_switched_off_it_does_nothing(shop: Shop, run: Any) -> None:
    run("off")

    assert shop.tick() is None
    assert (Proposal.objects.count(), state()) == (0, ("running", 0.1, ""))


def test_a_recommendation_stays_open_while_it_holds_and_expires_when_it_does_not(shop: Shop, run: Any) -> None:
    run("recommend")
    first, second = shop.tick(), shop.tick(hours=1)

    assert first is not None
    assert second == first
    assert (first.action, first.arm, first.rule, first.state) == ("ramp", "warm", "goal_better", "open")
    assert state() == ("running", 0.1, "")
    shop.results = results(UNDECIDED)
    assert shop.tick() is None
    first.refresh_from_db()
    assert (first.state, first.decided_by) == ("expired", POLICY)
    shop.results = results()
    assert shop.tick(hours=2) == first  # numbers near a bound go to and fro: one proposal, one audit row
    assert len(events("proposed")) == 1


def test_another_decision_takes_the_place_of_an_open_proposal(shop: Shop, run: Any) -> None:
    run("recommend")
    shop.tick()
    shop.results = BREACH
    now = shop.tick()

    assert now is not None
    assert list(Proposal.objects.order_by("pk").values_list("action", "state")) == [
        ("ramp", "expired"),
        ("roll_back", "open"),
    ]
    assert [one.sentence for one in waiting_proposals()] == [now.reason]


def test_a_proposal_ends_with_its_experiment_or_with_the_policy(shop: Shop, run: Any) -> None:
    run("recommend")
    shop.tick()
    stop("button", actor=MO)
    apply_policies(now=shop.now)

    assert list(Proposal.objects.values_list("state", flat=True)) == ["expired"]


def test_an_approved_proposal_is_applied_in_the_name_of_the_person(shop: Shop, run: Any) -> None:
    run("approve")
    proposal = shop.tick()
    assert proposal is not None
    assert [one.can_be_approved for one in waiting_proposals(experiment_id=row().pk)] == [True]

    step = approve(proposal.pk, actor=MO)

    proposal.refresh_from_db()
    assert (proposal.state, proposal.step, proposal.decided_by) == ("applied", step, MO)
    assert state() == ("running", 0.2, "warm")
    (event,) = events("ramped")
    assert event["actor"] == MO
    assert event["data"]["undo"] == str(step.pk)
    assert event["data"]["basis"]["rule"] == "goal_better"
    assert event["data"]["basis"]["proposal"] == proposal.pk
    assert event["data"]["basis"]["inputs"]["goal"]["arms"]["warm"]["low"] == "0.01"
    with pytest.raises(Conflict, match="applied already"):
        approve(proposal.pk, actor=MO)


def test_an_approval_asks_the_rules_again(shop: Shop, run: Any) -> None:
    run("approve")
    proposal = shop.tick()
    assert proposal is not None
    for numbers in (results(UNDECIDED), BREACH):
        shop.results = numbers
        with pytest.raises(Conflict, match="no longer holds"):
            approve(proposal.pk, actor=MO)
    stop("button", actor=MO)
    with pytest.raises(Conflict, match="no longer holds"):
        approve(proposal.pk, actor=MO)
    with pytest.raises(NotFound):
        approve(0, actor=MO)


def test_who_only_asked_for_recommendations_takes_the_step_alone(shop: Shop, run: Any) -> None:
    run("recommend")
    proposal = shop.tick()
    assert proposal is not None

    with pytest.raises(Conflict, match="take the step yourself"):
        approve(proposal.pk, actor=MO)


def test_what_was_declined_rests_for_a_day(shop: Shop, run: Any) -> None:
    run("approve")
    proposal = shop.tick()
    assert proposal is not None
    with pytest.raises(InvalidInput, match="why"):
        decline(proposal.pk, actor=MO, reason=" ")

    decline(proposal.pk, actor=MO, reason="The campaign begins on Monday.")

    proposal.refresh_from_db()
    assert (proposal.state, proposal.decided_by, proposal.answer) == ("declined", MO, "The campaign begins on Monday.")
    (event,) = events("proposal_declined")
    assert (event["actor"], event["data"]["rule"], "detail" in event) == (MO, "goal_better", True)
    assert shop.tick(hours=settings.EXPERIMENT_REST_HOURS - 0.1) is None
    again = shop.tick(hours=0.2)
    assert again is not None
    assert (again.state, again.pk != proposal.pk) == ("open", True)


def test_while_one_proposal_rests_harm_is_put_before_a_person_all_the_same(shop: Shop, run: Any) -> None:
    run("approve")
    proposal = shop.tick()
    assert proposal is not None
    decline(proposal.pk, actor=MO, reason="Later.")
    shop.results = BREACH

    harm = shop.tick()
    assert harm is not None
    assert harm.action == "roll_back"


def test_a_declined_rule_hides_no_other_rule_of_the_same_arm_nor_the_same_rule_of_another(shop: Shop, run: Any) -> None:
    run("approve", arms=THREE)
    shop.results = both_breach("warm")
    proposal = shop.tick()
    assert proposal is not None
    decline(proposal.pk, actor=MO, reason="We know.")
    shop.results = both_breach("warm", "cold")
    shop.tick()

    waiting = [(one.action, one.arm) for one in waiting_proposals()]
    assert waiting == [("roll_back", "cold")]
    approve(waiting_proposals()[0].id, actor=MO)
    assert weights() == {"control": 0.75, "warm": 0.25, "cold": 0.0}


def test_a_breach_in_one_arm_stops_that_arm_and_two_breaches_end_the_experiment(shop: Shop, run: Any) -> None:
    run("automatic", arms=THREE)
    shop.results = both_breach("cold")
    shop.tick()
    assert (row().status, weights()) == ("running", {"control": 0.75, "warm": 0.25, "cold": 0.0})

    assert shop.tick() is None  # an arm without traffic breaches nothing any more
    shop.results = both_breach("warm", "cold")
    shop.tick()
    assert (row().status, row().final_arm) == ("stopped", "control")


def test_all_arms_that_breach_stop_at_once(shop: Shop, run: Any) -> None:
    run("automatic", arms=THREE)
    shop.results = both_breach("warm", "cold")
    shop.tick()

    assert (row().status, row().final_arm) == ("stopped", "control")
    assert [one["data"]["basis"]["arm"] for one in events("arm_stopped") + events("stopped")] == ["warm", "cold"]


def test_proposals_that_expire_and_open_again_are_on_record(shop: Shop, run: Any) -> None:
    run("recommend")
    first = shop.tick()
    shop.results = results(UNDECIDED)
    shop.tick()
    shop.results = results()
    shop.tick()

    assert first is not None
    again = events("proposal_expired") + events("proposal_reopened")
    seen = [(one["actor"], one["data"]["proposal"]) for one in again]
    assert seen == [(POLICY, first.pk)] * 2


def test_an_automatic_policy_ships_by_ramp_with_an_audit_row_for_each_step(shop: Shop, run: Any) -> None:
    run("automatic")
    seen = []
    for _ in range(4):
        proposal = shop.tick()
        assert proposal is not None
        assert (proposal.state, proposal.decided_by) == ("applied", POLICY)
        seen.append((proposal.action, *state()))
        assert shop.tick(hours=23) is None or proposal.action == "ship"
        shop.now += HOUR

    assert seen == [
        ("ramp", "running", 0.2, "warm"),
        ("ramp", "running", 0.5, "warm"),
        ("ramp", "running", 1.0, "warm"),
        ("ship", "shipped", 1.0, ""),
    ]
    assert row().final_arm == "warm"
    rows = events("ramped") + events("shipped")
    assert [one["actor"] for one in rows] == [POLICY] * 4
    assert [one["data"]["basis"]["rule"] for one in rows] == ["goal_better", *["ramp_stage_over"] * 3]
    for one in reversed(rows):
        undo(one["data"]["undo"], actor=MO)
    assert state() == ("running", 0.1, "")


@pytest.mark.parametrize("in_ramp", [False, True])
def test_a_breach_rolls_back_to_the_control_and_can_be_undone(shop: Shop, run: Any, in_ramp: bool) -> None:
    run("automatic")
    if in_ramp:
        shop.tick()
    before = state()
    shop.results = BREACH

    proposal = shop.tick()

    assert proposal is not None
    assert (proposal.action, proposal.arm, row().status, row().final_arm) == ("roll_back", "warm", "stopped", "control")
    (event,) = events("stopped")
    assert event["data"]["basis"]["inputs"]["guardrails"][0]["is_breached"] is True
    undo(event["data"]["undo"], actor=MO)
    assert state() == before


def test_the_policy_does_not_repeat_at_once_what_a_person_undid(shop: Shop, run: Any) -> None:
    run("automatic")
    shop.results = BREACH
    proposal = shop.tick()
    assert proposal is not None
    assert proposal.step is not None
    undo(proposal.step.pk, actor=MO)

    for _ in range(3):
        assert shop.tick(hours=settings.EXPERIMENT_REST_HOURS / 3 - 0.01) is None
    assert row().status == "running"
    again = shop.tick(hours=0.1)
    assert again is not None
    assert (again.action, row().status) == ("roll_back", "stopped")


def test_the_rest_is_about_one_action_only(shop: Shop, run: Any) -> None:
    run("automatic")
    ramped = shop.tick()
    assert ramped is not None
    assert ramped.step is not None
    undo(ramped.step.pk, actor=MO)
    assert shop.tick() is None
    shop.results = BREACH

    harm = shop.tick()
    assert harm is not None
    assert harm.action == "roll_back"


def test_a_losing_arm_is_stopped_for_the_control(shop: Shop, run: Any) -> None:
    run("automatic")
    shop.results = results(WORSE, progress={"days": 28.0})

    shop.tick()
    assert (row().status, row().final_arm) == ("stopped", "control")


def test_one_failing_experiment_does_not_stop_the_others(
    shop: Shop, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    run("automatic", key="broken")
    run("automatic")

    assert apply_policies(now=shop.now) == 1
    assert state() == ("running", 0.2, "warm")
    assert "experiment.policy_failed key=broken" in caplog.text


def test_the_clock_of_celery_drives_the_policies_every_half_minute(shop: Shop, run: Any) -> None:
    run("automatic")
    apply_all_policies()

    assert state() == ("running", 0.2, "warm")
    entry = settings.CELERY_BEAT_SCHEDULE["policies of experiments"]
    assert (entry["task"], entry["schedule"]) == (apply_all_policies.name, timedelta(seconds=30))
    assert settings.CELERY_TASK_ROUTES[apply_all_policies.name] == {"queue": "quick"}


def test_a_guardrail_of_groups_reads_the_breakdowns(shop: Shop, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    breakdowns = []

    def results_of(key: str, *, at: Any, with_breakdowns: bool) -> ExperimentResults:
        breakdowns.append(with_breakdowns)
        return shop.results_of(key, at=at)

    monkeypatch.setattr("experiments.selectors.policies.results_of", results_of)
    run("automatic", guardrail_metrics=[{"metric": "conversion_rate", "dimension": "device", "margin": 0.05}])
    shop.tick()
    edit_experiment("button", data={"policy_mode": "off"}, actor=MO)
    shop.tick()

    assert breakdowns == [True]


def test_a_page_can_say_what_the_policy_waits_for(shop: Shop, run: Any) -> None:
    run("off")
    shop.results = results(UNDECIDED)

    assert policy_outlook("button", now=shop.now).sentence == "No arm is shown to be better so far."
    stop("button", actor=MO)
    assert policy_outlook("button").sentence == "Only a running experiment has a next step."
    with pytest.raises(NotFound):
        policy_outlook("none")


def test_a_failed_step_leaves_no_proposal(shop: Shop, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run("automatic")

    def refuse(*_: Any, **__: Any) -> Step:
        raise Conflict("no")

    monkeypatch.setattr(policies, "ramp", refuse)
    with pytest.raises(Conflict):
        shop.tick()
    assert (Proposal.objects.count(), state()) == (0, ("running", 0.1, ""))


def test_paused_policies_do_and_propose_nothing_until_they_go_on(shop: Shop, run: Any) -> None:
    run("automatic")
    create_experiment("other", data={"policy_mode": "approve"}, actor=MO)
    waiting = Proposal.objects.create(
        experiment=Experiment.objects.get(key="other"), action="ship", arm="warm", rule="goal_better", inputs={}, at=NOW
    )
    with pytest.raises(InvalidInput, match="why"):
        pause_policies(actor=MO, reason=" ")
    pause_policies(actor=MO, reason="The counter is being repaired.")
    shop.results = BREACH

    apply_policies(now=shop.now)

    assert row().status == "running"
    assert policy_outlook("button").sentence == "All policies are paused: The counter is being repaired."
    with pytest.raises(Conflict, match="All policies are paused"):
        approve(waiting.pk, actor=MO)
    with pytest.raises(Conflict, match="paused already"):
        pause_policies(actor=MO, reason="Again.")
    resume_policies(actor=MO)
    with pytest.raises(Conflict, match="No policy is paused"):
        resume_policies(actor=MO)
    apply_policies(now=shop.now)
    assert row().status == "stopped"
    assert [one["actor"] for one in events("policies_paused") + events("policies_resumed")] == [MO, MO]
