"""The life of an experiment: each step is recorded, allowed or refused by the table, and can be undone."""

from typing import Any

import orjson
import pytest
from django.db import transaction

from audit.models import AuditEvent
from common import clock
from common.errors import Conflict, FieldError, InvalidInput, NotFound
from experiments import payloads
from experiments.edits import EDIT_RULES, STEPS, permission
from experiments.models import Experiment, Exposure, Step, StickyArm
from experiments.payloads import PayloadKind
from experiments.selectors.designs import design, past_payload, read_live
from experiments.selectors.live import LiveReader
from experiments.services.designs import EDITABLE, create_experiment, create_namespace, edit_experiment
from experiments.services.holdout import start_holdout
from experiments.services.lifecycle import archive, change_coverage, change_weights, ship, start, stop, stop_arm, undo
from experiments.services.ramps import ramp

pytestmark = pytest.mark.django_db
MO = "staff:7"
ARMS = [
    {"key": "control", "weight": 0.5},
    {"key": "warm", "weight": 0.25, "payload": {"color": "red"}},
    {"key": "cold", "weight": 0.25, "payload": {"color": "blue"}},
]


@pytest.fixture
def draft() -> str:
    create_experiment("button", data={"name": "Button", "arms": ARMS, "coverage": 0.1}, actor=MO)
    return "button"


@pytest.fixture
def running(draft: str) -> str:
    start(draft, actor=MO)
    return draft


def row(key: str = "button") -> Experiment:
    return Experiment.objects.get(key=key)


def in_status(key: str, status: str) -> None:
    if status != "draft":
        start(key, actor=MO)
    if status == "shipped":
        ship(key, arm="warm", actor=MO)
    elif status in ("stopped", "archived"):
        stop(key, actor=MO)
    if status == "archived":
        archive(key, actor=MO)


NEW_VALUES: dict[str, Any] = {
    "key": "other",
    "name": "Other",
    "hypothesis": "Red sells.",
    "payload_kind": "",
    "factors": {"color": ["a", "b"]},
    "coverage": 0.05,
    "condition": {"country": "DE"},
    "namespace": "checkout",
    "namespace_low": 10,
    "namespace_high": 20,
    "test_units": {"user:mo": "warm"},
    "goal_metric": "conversion_rate",
    "secondary_metrics": ["click_through_rate"],
    "guardrail_metrics": [{"metric": "revenue_per_visitor", "margin": 0.01}],
    "activation_metric": "add_to_cart_rate",
    "inference": "fixed",
    "alpha": 0.01,
    "power": 0.9,
    "minimum_effect": 0.1,
    "planned_units": 100,
    "planned_looks": 5,
    "minimum_runtime_days": 8,
    "maximum_runtime_days": 30,
    "policy_mode": "automatic",
    "learnings": "Red sold.",
    "arms": [{"key": "control", "weight": 0.5}, {"key": "new", "weight": 0.5}],
    "weights": [{**arm, "weight": weight} for arm, weight in zip(ARMS, (0.2, 0.4, 0.4), strict=True)],
}


@pytest.mark.parametrize("status", ["draft", "running", "stopped", "shipped", "archived"])
def test_an_edit_is_allowed_or_refused_as_the_table_says(status: Any, draft: str) -> None:
    create_namespace("checkout", name="Checkout", actor=MO)
    in_status(draft, status)
    steps, before = Step.objects.count(), Experiment.objects.values().get(key=draft)

    for field in sorted((EDITABLE | {"weights"}) - {"factors", "payload_kind", "goal_margin"}):
        name = "arms" if field == "weights" else field
        with transaction.atomic():
            if permission(field, status) == "yes":
                assert edit_experiment(draft, data={name: NEW_VALUES[field]}, actor=MO) is not None, field
                assert Step.objects.count() == steps + 1
            else:
                with pytest.raises(Conflict, match=status):
                    edit_experiment(draft, data={name: NEW_VALUES[field]}, actor=MO)
                assert Experiment.objects.values().get(key=draft) == before
                assert Step.objects.count() == steps
            transaction.set_rollback(True)


@pytest.mark.parametrize("status", ["draft", "running", "stopped", "shipped", "archived"])
def test_a_margin_of_the_goal_is_set_before_the_start_and_for_two_arms_alone(status: Any, draft: str) -> None:
    with pytest.raises(InvalidInput, match="goal_margin: needs two arms"):
        edit_experiment(draft, data={"goal_margin": 0.02}, actor=MO)
    two = [{"key": "control", "weight": 0.5}, {"key": "warm", "weight": 0.5}]
    edit_experiment(draft, data={"arms": two}, actor=MO)
    in_status(draft, status)

    if status == "draft":
        assert edit_experiment(draft, data={"goal_margin": 0.02}, actor=MO) is not None
    else:
        with pytest.raises(Conflict, match=status):
            edit_experiment(draft, data={"goal_margin": 0.02}, actor=MO)


def test_the_table_is_about_every_field_that_may_be_set() -> None:
    assert {field for rule in EDIT_RULES for field in rule.fields} == EDITABLE | {"weights"}


@pytest.mark.parametrize("status", ["draft", "running", "stopped", "shipped", "archived"])
@pytest.mark.parametrize("action", sorted(STEPS))
def test_a_step_is_possible_or_refused_as_the_table_says(action: str, status: Any, draft: str) -> None:
    in_status(draft, status)
    steps = Step.objects.count()
    services: dict[str, Any] = {
        "start": lambda: start(draft, actor=MO),
        "change_coverage": lambda: change_coverage(draft, coverage=0.5, actor=MO),
        "change_weights": lambda: change_weights(draft, weights={"control": 0.2, "warm": 0.4, "cold": 0.4}, actor=MO),
        "stop": lambda: stop(draft, actor=MO),
        "ramp": lambda: ramp(draft, arm="warm", share=0.1, actor=MO),
        "ship": lambda: ship(draft, arm="warm", actor=MO),
        "archive": lambda: archive(draft, actor=MO),
    }

    if status in STEPS[action]:  # type: ignore[index]
        services[action]()
        assert Step.objects.count() == steps + 1
    else:
        with pytest.raises(Conflict, match=f"this one is {status}"):
            services[action]()
        assert Step.objects.count() == steps


def test_each_step_is_an_audit_event_with_the_handle_that_undoes_it(running: str) -> None:
    step = change_coverage(running, coverage=0.25, actor="policy:ramp", reason="Guardrails hold.")

    event = AuditEvent.objects.get(pk=str(step.audit_event))
    body = orjson.loads(bytes(event.body))
    assert (body["action"], body["actor"], body["object"]) == (
        "experiment.coverage_changed",
        "policy:ramp",
        "experiment:button",
    )
    assert body["data"] == {
        "undo": str(step.pk),
        "number": 3,
        "epoch": 1,
        "fields": ["coverage"],
        "before": {"coverage": "0.1"},
        "after": {"coverage": "0.25"},
    }
    assert "detail" in body  # the reason is free text

    undone = undo(body["data"]["undo"], actor=MO)

    assert row().coverage == 0.1
    assert undone.after == {"coverage": 0.1}
    assert Step.objects.get(pk=step.pk).undone_by == undone


def test_the_audit_log_holds_what_each_arm_showed_and_to_how_many(draft: str) -> None:
    arms = [{**ARMS[0]}, {**ARMS[1], "payload": {"color": "green"}}, {**ARMS[2]}]
    edit_experiment(draft, data={"arms": arms}, actor=MO)

    body = orjson.loads(bytes(AuditEvent.objects.get(pk=str(Step.objects.latest("number").audit_event)).body))
    for side, color in (("before", "red"), ("after", "green")):
        warm = body["data"][side]["arms"][1]
        assert (warm["key"], warm["weight"], warm["payload"]) == ("warm", "0.25", {"color": color})


def test_every_step_can_be_undone_in_reverse_order(draft: str) -> None:
    create_namespace("checkout", name="Checkout", actor=MO)
    steps = [
        edit_experiment(draft, data={"namespace": "checkout", "namespace_high": 5000, "name": "B"}, actor=MO),
        start(draft, actor=MO),
        change_coverage(draft, coverage=0.5, actor=MO),
        stop(draft, actor=MO),
        ship(draft, arm="warm", actor=MO),
        archive(draft, actor=MO, learnings="Warm wins."),
    ]
    created = Step.objects.get(experiment__key=draft, number=1)
    for step in reversed(steps):
        assert step is not None
        undo(step.pk, actor=MO)
    undo(created.pk, actor=MO)

    assert (row().name, row().namespace, row().coverage, row().final_arm, row().learnings) == (
        "Button",
        None,
        0.1,
        "",
        "",
    )
    assert (row().started_at, row().ended_at, row().status) == (None, None, "archived")


def test_an_undo_is_no_way_around_the_table(draft: str) -> None:
    edit = edit_experiment(draft, data={"goal_metric": "conversion_rate"}, actor=MO)
    assert edit is not None
    start(draft, actor=MO)
    for status in ("running", "stopped", "archived"):
        with pytest.raises(Conflict, match=f"goal_metric cannot be edited while the experiment is {status}"):
            undo(edit.pk, actor=MO)
        if status == "running":
            stop(draft, actor=MO)
        elif status == "stopped":
            archive(draft, actor=MO)
    assert row().goal_metric == "conversion_rate"


def test_the_undoing_of_an_edit_is_no_way_around_the_table_either(draft: str) -> None:
    edit = edit_experiment(draft, data={"alpha": 0.01}, actor=MO)
    assert edit is not None
    back = undo(edit.pk, actor=MO)
    start(draft, actor=MO)

    with pytest.raises(Conflict, match="alpha cannot be edited"):
        undo(back.pk, actor=MO)
    named = edit_experiment(draft, data={"name": "Other"}, actor=MO)
    assert named is not None
    undo(named.pk, actor=MO)
    assert (row().alpha, row().name) == (0.05, "Button")


def test_a_step_under_a_later_one_is_not_undone(running: str) -> None:
    first = change_coverage(running, coverage=0.25, actor=MO)
    change_coverage(running, coverage=0.5, actor=MO)

    with pytest.raises(Conflict, match="later step changed coverage"):
        undo(first.pk, actor=MO)
    assert row().coverage == 0.5


def test_an_undone_step_is_undone_once_and_the_undoing_can_be_undone(running: str) -> None:
    step = stop(running, actor=MO)
    back = undo(step.pk, actor=MO)

    with pytest.raises(Conflict, match="already"):
        undo(step.pk, actor=MO)
    undo(back.pk, actor=MO)

    assert (row().status, row().final_arm) == ("stopped", "control")
    with pytest.raises(NotFound):
        undo("00000000-0000-0000-0000-000000000000", actor=MO)


@pytest.mark.parametrize("table", [Exposure, StickyArm])
def test_a_start_is_not_undone_once_shoppers_take_part(running: str, table: Any) -> None:
    common = {"experiment": row(), "epoch": 1, "arm": "warm"}
    if table is Exposure:
        Exposure.objects.create(unit="user:u1", first_at=clock.now(), **common)
    else:
        StickyArm.objects.create(raw_id="user:u1", at=clock.now(), **common)

    with pytest.raises(Conflict, match="stop the experiment"):
        undo(Step.objects.get(action="started").pk, actor=MO)
    assert row().status == "running"


def test_another_split_starts_an_epoch_and_its_undoing_another_one(running: str) -> None:
    assert row().epoch == 1
    step = change_weights(running, weights={"control": 0.2, "warm": 0.4, "cold": 0.4}, actor=MO)

    assert row().epoch == 2
    assert design(running).ranges[1] == pytest.approx((0.2, 0.24))
    undo(step.pk, actor=MO)

    assert list(row().epochs.values_list("number", "weights")) == [
        (1, {"control": 0.5, "warm": 0.25, "cold": 0.25}),
        (2, {"control": 0.2, "warm": 0.4, "cold": 0.4}),
        (3, {"control": 0.5, "warm": 0.25, "cold": 0.25}),
    ]


@pytest.mark.parametrize("end", [lambda key: stop(key, actor=MO), lambda key: ship(key, arm="warm", actor=MO)])
def test_who_takes_back_an_end_starts_an_epoch(running: str, end: Any) -> None:
    """Everybody had one arm in between: who is assigned anew must not count with what they did before."""
    step = end(running)
    undo(step.pk, actor=MO)

    assert (row().status, row().epoch) == ("running", 2)


def test_an_arm_stops_alone_and_the_last_one_ends_the_experiment(running: str) -> None:
    step = stop_arm(running, arm="warm", actor=MO)

    assert (row().status, row().epoch, step.action) == ("running", 2, "arm_stopped")
    assert dict(row().arms.values_list("key", "weight")) == {"control": 0.75, "warm": 0.0, "cold": 0.25}
    with pytest.raises(InvalidInput, match="no arm warm with traffic"):
        stop_arm(running, arm="warm", actor=MO)
    assert stop_arm(running, arm="cold", actor=MO).action == "stopped"
    assert (row().status, row().final_arm) == ("stopped", "control")


def test_a_ramp_starts_no_epoch_and_never_shrinks(running: str) -> None:
    change_coverage(running, coverage=0.5, actor=MO)

    with pytest.raises(Conflict, match="may only grow"):
        change_coverage(running, coverage=0.4, actor=MO)
    assert (row().epoch, row().coverage) == (1, 0.5)


def test_after_the_end_everybody_gets_one_arm_until_the_archive(running: str) -> None:
    assert read_live().by_key["button"].forced_arm is None
    stop(running, actor=MO)
    assert read_live().by_key["button"].forced_arm == 0
    ship(running, arm="cold", actor=MO)
    assert read_live().by_key["button"].forced_arm == 2
    archive(running, actor=MO)

    assert read_live().is_empty
    assert past_payload("button", "cold") == {"color": "blue"}


def test_a_draft_decides_nothing(draft: str) -> None:
    assert read_live().is_empty


def test_the_seed_is_fixed_for_life(draft: str) -> None:
    seed = row().seed
    in_status(draft, "archived")

    assert row().seed == seed
    assert len(seed) == 16
    with pytest.raises(Conflict, match="fixed for the life"):
        edit_experiment(draft, data={"seed": "mine"}, actor=MO)


def test_two_ranges_of_a_namespace_never_overlap(draft: str) -> None:
    create_namespace("checkout", name="Checkout", actor=MO)
    edit_experiment(draft, data={"namespace": "checkout", "namespace_low": 0, "namespace_high": 5000}, actor=MO)

    with pytest.raises(InvalidInput, match="has buckets from 4999 to 10000"):
        create_experiment("next", data={"namespace": "checkout", "namespace_low": 4999}, actor=MO)
    create_experiment("next", data={"namespace": "checkout", "namespace_low": 5000}, actor=MO)
    archive("button", actor=MO)
    edit_experiment("next", data={"namespace_low": 0}, actor=MO)

    assert design("next").filters[0].ranges == ((0.0, 1.0),)
    with pytest.raises(InvalidInput, match="buckets"):
        undo(Step.objects.get(action="archived").pk, actor=MO)


def test_a_multivariate_design_is_every_combination(draft: str) -> None:
    create_experiment("both", data={"factors": {"algorithm": ["popular", "svd"], "layout": ["grid", "row"]}}, actor=MO)

    arms = design("both").arms
    assert [(arm.key, arm.levels["layout"], arm.weight) for arm in arms] == [
        ("popular-grid", "grid", 0.25),
        ("popular-row", "row", 0.25),
        ("svd-grid", "grid", 0.25),
        ("svd-row", "row", 0.25),
    ]
    with pytest.raises(InvalidInput, match="4 combinations"):
        edit_experiment("both", data={"arms": ARMS}, actor=MO)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"arms": [{"key": "one", "weight": 1.0}]}, "arms"),
        ({"arms": [{"key": "a", "weight": 0.5}, {"key": "a", "weight": 0.5}]}, "arms"),
        ({"arms": [{"key": "A b", "weight": 0.5}, {"key": "c", "weight": 0.5}]}, "arms"),
        ({"arms": [{"key": "a", "weight": 0.5}, {"key": "b", "weight": 0.6}]}, "weights"),
        ({"arms": "two"}, "arms"),
        ({"condition": {"age": {"$more": 1}}}, "condition"),
        ({"condition": []}, "condition"),
        ({"coverage": 1.5}, "coverage"),
        ({"alpha": 0.9}, "alpha"),
        ({"inference": "guess"}, "inference"),
        ({"payload_kind": "color"}, "payload_kind"),
        ({"namespace": "none"}, "namespace"),
        ({"test_units": {"mo": "control"}}, "test_units"),
        ({"test_units": {"user:mo": "nothing"}}, "test_units"),
        ({"guardrail_metrics": [3]}, "guardrail_metrics"),
        ({"guardrail_metrics": [{"metric": "conversion_rate", "margin": 2}]}, "guardrail_metrics"),
        ({"guardrail_metrics": ["joy"]}, "guardrail_metrics"),
        ({"guardrail_metrics": [{"metric": "conversion_rate", "dimension": 3}]}, "guardrail_metrics"),
        ({"goal_margin": 0.0}, "goal_margin"),
        ({"secondary_metrics": "clicks"}, "secondary_metrics"),
        ({"secondary_metrics": ["joy"]}, "secondary_metrics"),
        ({"goal_metric": "joy"}, "goal_metric"),
        ({"activation_metric": "revenue_per_visitor"}, "activation_metric"),
        ({"minimum_runtime_days": 40}, "maximum_runtime_days"),
        ({"factors": {"a": ["x"]}}, "factors"),
        ({"nonsense": 1}, "nonsense"),
        ({"status": "running"}, "status"),
    ],
)
def test_an_impossible_design_is_refused_and_names_the_field(data: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        create_experiment("bad", data=data, actor=MO)

    assert field in [error.field for error in refusal.value.errors]
    assert not Experiment.objects.filter(key="bad").exists()


@pytest.mark.parametrize("key", ["", "Home", "a b", "-a", "ü"])
def test_a_key_is_a_slug(key: str) -> None:
    with pytest.raises(InvalidInput):
        create_experiment(key, data={}, actor=MO)


def test_a_key_exists_once(draft: str) -> None:
    with pytest.raises(InvalidInput, match="already"):
        create_experiment(draft, data={}, actor=MO)


@pytest.fixture
def colors() -> Any:
    kind = PayloadKind(
        name="color",
        title="Color",
        schema={"type": "object"},
        errors=lambda payload: [] if "color" in payload else [FieldError("color", "is missing")],
        targets=lambda payload: frozenset({"page"}),
    )
    payloads.register(kind)
    yield kind
    del payloads._kinds["color"]


def test_a_payload_of_a_registered_kind_is_checked_by_its_room(colors: Any) -> None:
    arms = [{"key": "a", "weight": 0.5}, {"key": "b", "weight": 0.5, "payload": {}}]
    with pytest.raises(InvalidInput, match="arms.b.payload.color: is missing"):
        create_experiment("bad", data={"payload_kind": "color", "arms": arms}, actor=MO)
    create_experiment("good", data={"payload_kind": "color", "arms": ARMS}, actor=MO)

    assert design("good").targets == {"page"}


def test_two_experiments_change_one_thing_only_in_one_namespace(colors: Any) -> None:
    create_namespace("n", name="N", actor=MO)
    halves = [("one", 0, 5000), ("two", 5000, 10_000)]
    for key, low, high in halves:
        data = {"payload_kind": "color", "arms": ARMS, "namespace": "n", "namespace_low": low, "namespace_high": high}
        create_experiment(key, data=data, actor=MO)
    create_experiment("apart", data={"payload_kind": "color", "arms": ARMS}, actor=MO)

    start("one", actor=MO)
    start("two", actor=MO)

    with pytest.raises(Conflict, match="one changes page too"):
        start("apart", actor=MO)
    assert row("apart").status == "draft"


def test_there_is_one_permanent_hold_out() -> None:
    start_holdout(share=0.05, actor=MO)

    live = read_live()
    assert live.holdout is not None
    assert live.designs == ()
    assert live.holdout.ranges[0] == (0.0, 0.05)
    with pytest.raises(Conflict, match="already"):
        start_holdout(share=0.05, actor=MO, key="second")
    with pytest.raises(Conflict, match="no winner"):
        ship("global-holdout", arm="held-out", actor=MO)
    stop("global-holdout", actor=MO)
    assert read_live().holdout.forced_arm == 1  # type: ignore[union-attr]  # all are personalized


def test_a_process_reads_the_experiments_again_only_after_a_write(running: str, django_assert_num_queries: Any) -> None:
    reader = LiveReader()
    first = reader()

    with django_assert_num_queries(1):
        assert reader() is first
    change_weights(running, weights={"control": 0.2, "warm": 0.4, "cold": 0.4}, actor=MO)

    assert reader().by_key["button"].epoch == 2
