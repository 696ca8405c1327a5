"""The admin of experiments: a guided design, steps with their way back, a list that speaks, metrics, namespaces."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import AuditEvent
from common import clock
from common.pseudonyms import subject_pseudonym
from experiments.models import Experiment, Kind, Look, MetricDefinition, Namespace, PolicyPause, Proposal
from experiments.selectors.baseline import recent_numbers
from experiments.services.designs import create_experiment
from experiments.services.lifecycle import start
from tests.staff import LogIn

pytestmark = pytest.mark.django_db
ADD = "/admin/experiments/experiment/add/"
DESIGN: dict[str, Any] = {
    "name": "Green button", "hypothesis": "Green sells.", "payload_kind": "", "coverage": "100",
    "arms-count": "2", "arms-0-name": "Control", "arms-0-weight": "50", "arms-1-name": "Green", "arms-1-weight": "50",
    "arms-1-p_json": '{"color": "green"}', "audience-count": "0", "guardrails-count": "0",
    "goal_metric": "conversion_rate", "inference": "always_valid", "minimum_effect": "5", "alpha": "5", "power": "80",
    "planned_looks": "50", "minimum_runtime_days": "7", "maximum_runtime_days": "28", "policy_mode": "recommend",
}  # fmt: skip


@pytest.fixture(autouse=True)
def forget() -> None:
    recent_numbers.forget()


@pytest.fixture
def mo(log_in: LogIn) -> Client:
    """Mo the marketer."""
    return log_in("marketer")


def saved(mo: Client, **fields: Any) -> Experiment:
    answer = mo.post(ADD, {**DESIGN, **fields})
    assert answer.status_code == 302, warnings_in(answer)
    return Experiment.objects.latest("pk")


def warnings_in(answer: Any) -> list[str]:
    return re.findall(r'class="(?:v-card )?warn"[^>]*>(.*?)</p>', answer.content.decode(), re.DOTALL)


def url(row: Experiment, name: str = "change", *more: Any) -> str:
    return reverse(f"admin:experiments_experiment_{name}", args=[row.pk, *more])


def test_a_design_becomes_a_draft_with_everything_said(mo: Client) -> None:
    create_namespace_through(mo)
    row = saved(
        mo,
        **{
            "arms-count": "3", "arms-0-weight": "33.3", "arms-1-weight": "33.3", "arms-2-name": "Blue",
            "arms-2-weight": "33.3", "arms-2-p_json": "", "coverage": "25", "namespace": "home", "namespace_low": "100",
            "namespace_high": "5000", "audience-count": "2", "audience-0-what": "name:device",
            "audience-0-comparison": "is", "audience-0-value": "mobile", "audience-1-what": "number:rfm.frequency",
            "audience-1-comparison": "at_least", "audience-1-value": "2", "guardrails-count": "2",
            "guardrails-0-metric": "bounce_rate", "guardrails-0-margin": "3", "guardrails-1-metric": "add_to_cart_rate",
            "guardrails-1-dimension": "device", "secondary_metrics": ["revenue_per_visitor", "items_per_order"],
            "activation_metric": "add_to_cart_rate", "planned_units": "1234",
            "policy_mode": "automatic", "test_units": "user:mo = green",
        },
    )  # fmt: skip

    assert [arm.key for arm in row.arms.all()] == ["control", "green", "blue"]
    assert [arm.payload for arm in row.arms.all()] == [None, {"color": "green"}, None]
    assert row.condition == {
        "$and": [{"traits.device": {"$in": ["mobile"]}}, {"traits.rfm.frequency": {"$gte": 2}}],
    }
    assert row.guardrail_metrics == [
        {"metric": "bounce_rate", "margin": 0.03},
        {"metric": "add_to_cart_rate", "dimension": "device"},
    ]
    assert (row.coverage, row.planned_units, row.goal_margin, row.policy_mode) == (0.25, 1234, None, "automatic")
    assert row.namespace is not None
    assert (row.namespace.key, row.namespace_low, row.namespace_high) == ("home", 100, 5000)
    assert row.test_units == {subject_pseudonym("user:mo"): "green"}
    assert row.secondary_metrics == ["revenue_per_visitor", "items_per_order"]


def test_a_saved_design_opens_and_saves_unchanged(mo: Client) -> None:
    row = saved(mo)
    page = mo.get(url(row, "design")).content.decode()

    assert "Green sells." in page
    again = mo.post(
        url(row, "design"), {**DESIGN, "planned_units": str(row.planned_units or ""), "key": row.key}, follow=True
    )
    assert "Nothing was changed." in again.content.decode()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"arms-1-p_json": "{"}, "is no JSON"),
        ({"arms-1-weight": "20"}, "must sum to 1"),
        ({"key": "Not A Slug!"}, "Small letters, digits and hyphens"),
        ({"goal_metric": ""}, "This field is required"),
        ({"maximum_runtime_days": "3"}, "must not be less than the minimum"),
        ({"condition_json": '{"a": {"$what": 1}}'}, "there is no operator $what"),
        ({"audience-count": "1", "audience-0-what": "number:active_days", "audience-0-value": "x"}, "must be a number"),
        ({"test_units": "mo"}, "is not as user:ID"),
        ({"payload_kind": "strategy", "arms-1-p_strategy": "popular"}, "say what it changes to"),
        ({"payload_kind": "parameters", "arms-1-p_placement": "home", "arms-1-p_parameters": "size 12"}, "no name ="),
        (
            {"payload_kind": "parameters", "arms-1-p_placement": "home", "arms-1-p_parameters": "size = 100000"},
            "Parameters",
        ),
        (
            {
                "payload_kind": "strategy", "arms-0-p_placement": "home", "arms-0-p_strategy": "popular",
                "arms-1-p_placement": "cart", "arms-1-p_strategy": "popular",
            },
            "must be home, as in the arm control",
        ),
    ],
)  # fmt: skip
def test_an_error_stands_beside_its_field_and_nothing_typed_is_lost(
    mo: Client, fields: dict[str, Any], text: str
) -> None:
    answer = mo.post(ADD, {**DESIGN, **fields})
    page = answer.content.decode()

    assert answer.status_code == 422
    assert text in page
    assert 'class="warn" id="id_' in page or "must sum" in page
    assert all(str(value).split()[0].replace('"', "&quot;") in page for value in fields.values() if value)
    assert "Green sells." in page
    assert not Experiment.objects.exists()


def test_rows_come_and_go_without_a_script(mo: Client) -> None:
    more = mo.post(ADD, {**DESIGN, "again": "arms", "arms-0-remove": "on"}).content.decode()

    assert 'name="arms-1-name"' in more
    assert 'value="Control"' not in more
    assert 'value="Green"' in more
    assert "This field is required" not in more
    assert not Experiment.objects.exists()


def test_factors_make_all_combinations(mo: Client) -> None:
    typed = {**DESIGN, "factors": "layout: grid, list\nprice: shown, hidden"}
    page = mo.post(ADD, {**typed, "again": "factors"}).content.decode()
    arms = ["grid-shown", "grid-hidden", "list-shown", "list-hidden"]
    assert all(f'value="{key}"' in page for key in arms)

    levels = [json.dumps(dict(zip(("layout", "price"), key.split("-"), strict=True))) for key in arms]
    fields = {
        f"arms-{place}-{name}": value
        for place, (key, own) in enumerate(zip(arms, levels, strict=True))
        for name, value in (("name", key), ("key", key), ("weight", "25"), ("levels", own), ("p_json", ""))
    }
    row = saved(mo, **{**typed, **fields, "arms-count": "4"})

    assert row.factors == {"layout": ["grid", "list"], "price": ["shown", "hidden"]}
    assert row.arms.get(position=3).levels == {"layout": "list", "price": "hidden"}


def test_each_step_is_taken_from_its_button_and_undone(mo: Client) -> None:
    row = saved(mo, coverage="10")
    hub = mo.get(url(row)).content.decode()
    assert "A draft: nobody sees it yet." in hub
    assert "Everybody." in hub

    assert "Start" in mo.get(url(row, "step", "start")).content.decode()
    for action, fields, text in (
        ("start", {}, "Started"),
        ("change_coverage", {"coverage": "40", "reason": "calm"}, "from 10 % to 40 %"),
        ("change_weights", {"weight-control": "30", "weight-green": "70"}, "Green 70 %"),
        ("ship", {"arm": "green"}, "everybody gets green"),
        ("archive", {"learnings": "Green it is."}, "Green it is."),
    ):
        page = mo.post(url(row, "step", action), fields, follow=True).content.decode()
        assert text in page, action
    row.refresh_from_db()
    assert (row.status, row.final_arm, row.learnings) == ("archived", "green", "Green it is.")

    for status in ("shipped", "running"):
        last = row.steps.filter(undone_by=None).exclude(action="undone").first()
        assert last is not None
        assert "Undo it" in mo.get(url(row, "undo", last.pk)).content.decode()
        mo.post(url(row, "undo", last.pk), {"reason": "too early"})
        row.refresh_from_db()
        assert row.status == status
    assert "too early" in mo.get(url(row)).content.decode()
    assert AuditEvent.objects.filter(object="experiment:green-button").count() == row.steps.count()


@pytest.mark.parametrize(
    ("action", "fields", "text"),
    [
        ("change_coverage", {"coverage": "5"}, "may only grow"),
        ("change_weights", {"weight-control": "30", "weight-green": "30"}, "must sum to 1"),
        ("ship", {"arm": "red"}, "Select a valid choice"),
        ("start", {"reason": ""}, "needs an experiment that is draft"),
    ],
)
def test_a_step_that_is_refused_says_why_and_changes_nothing(
    mo: Client, action: str, fields: dict[str, Any], text: str
) -> None:
    row = saved(mo, coverage="10")
    start(row.key, actor="staff:1")
    before = row.steps.count()

    assert text in mo.post(url(row, "step", action), {"csrf": "", **fields}).content.decode()
    assert row.steps.count() == before


def test_a_running_design_shows_what_is_fixed_with_its_reason(mo: Client) -> None:
    row = saved(mo, policy_mode="off")
    start(row.key, actor="staff:1")
    page = mo.get(url(row, "design")).content.decode()

    assert "What is measured is decided before anybody has seen numbers." in page
    assert "Results of two different treatments cannot be read as one." in page
    answer = mo.post(
        url(row, "design"), {**DESIGN, "goal_metric": "bounce_rate", "name": "Greener", "policy_mode": "approve"}
    )
    assert answer.status_code == 302, warnings_in(answer)
    row.refresh_from_db()
    assert (row.name, row.policy_mode, row.goal_metric) == ("Greener", "approve", "conversion_rate")


def test_the_list_says_state_units_verdict_and_next_step(mo: Client) -> None:
    row = saved(mo)
    start(row.key, actor="staff:1")
    Look.objects.create(
        experiment=row, number=1, at=clock.now(), units={"control": 1000, "green": 1024},
        results={"verdict": "Green is better by 3 %.", "level": "better"},
    )  # fmt: skip
    Proposal.objects.create(
        experiment=row,
        action="ship",
        arm="green",
        rule="goal",
        reason="It would ship Green.",
        inputs={},
        at=clock.now(),
    )
    page = mo.get(reverse("admin:experiments_experiment_changelist")).content.decode()

    assert "Green is better by 3 %." in page
    assert "2,024" in page
    assert "It would ship Green." in page
    assert "running" in page


def test_archived_experiments_leave_the_list_and_the_search_finds_their_learnings(mo: Client) -> None:
    row = saved(mo)
    mo.post(url(row, "step", "archive"), {"learnings": "Zebras buy green."})
    address = reverse("admin:experiments_experiment_changelist")
    mo.get(address)  # shows the messages

    assert "Green button" not in mo.get(address).content.decode()
    for query in ({"state": "archived"}, {"state": "all"}, {"q": "zebras"}):
        assert "Learned: Zebras buy green." in mo.get(address, query).content.decode()
    assert "Green button" in mo.get(reverse("admin:search"), {"s": "zebras"}).content.decode()


def test_the_size_says_what_the_design_needs_while_it_is_written(mo: Client) -> None:
    address = reverse("admin:experiments_experiment_size")
    unfinished = mo.post(address, {"arms-count": "0"}, headers={"X-Requested-With": "fetch"}).content.decode()
    assert "Choose a goal" in unfinished

    unknown = mo.post(address, DESIGN, headers={"X-Requested-With": "fetch"}).content.decode()
    assert "Nothing is known of Conversion rate" in unknown
    assert "Everybody." in unknown
    page = mo.post(address, {**DESIGN, "audience-count": "1", "audience-0-what": "visitor", "audience-0-value": "new"})
    assert "Shoppers on their first visit." in page.content.decode()
    assert "Only the server knows this condition." in page.content.decode()
    assert "<html" in page.content.decode()


def test_others_look_and_do_not_touch(mo: Client, log_in: LogIn) -> None:
    row = saved(mo)
    dee = log_in("merchandiser")

    assert dee.get(url(row)).status_code == 200
    assert url(row, "step", "start") not in dee.get(url(row)).content.decode()
    step = row.steps.get()
    for address in (
        ADD, url(row, "design"), url(row, "step", "start"), url(row, "undo", step.pk),
        reverse("admin:experiments_experiment_holdout"), reverse("admin:experiments_metricdefinition_add"),
    ):  # fmt: skip
        assert dee.get(address).status_code == 403
        refused = dee.post(address, DESIGN)
        assert refused.status_code == 403
        assert "No permission" in refused.content.decode()
    row.refresh_from_db()
    assert (row.status, Experiment.objects.count(), row.steps.count()) == ("draft", 1, 1)
    assert log_in("compliance officer").get(url(row)).status_code == 403


def test_a_marketer_defines_a_metric_and_archives_it(mo: Client) -> None:
    fields = {
        "name": "Good reviews", "key": "good_reviews", "kind": "ratio", "display": "share", "margin": "3",
        "higher_is_better": "on", "numerator_source": "events", "numerator_aggregate": "count",
        "numerator_events": "Product Reviewed", "numerator_filters": "rating at_least 4",
        "numerator_window_hours": "48", "denominator_source": "events", "denominator_aggregate": "count",
        "denominator_events": "Product Reviewed",
    }  # fmt: skip
    address = reverse("admin:experiments_metricdefinition_add")
    wrong = mo.post(address, {**fields, "numerator_filters": "rating"}).content.decode()
    assert "id_numerator_filters_error" in wrong
    assert "Product Reviewed" in wrong

    assert mo.post(address, fields).status_code == 302
    row = MetricDefinition.objects.get()
    assert row.numerator["filters"] == [{"field": "rating", "operator": "at_least", "value": 4}]
    assert (row.numerator["window_hours"], row.margin, row.kind) == (48, 0.03, "ratio")
    assert "Good reviews" in mo.get(ADD).content.decode()
    change = reverse("admin:experiments_metricdefinition_change", args=[row.pk])
    assert "rating at_least 4" in mo.get(change).content.decode()
    assert mo.post(change, {**fields, "name": "Best reviews"}).status_code == 302
    row.refresh_from_db()
    assert row.name == "Best reviews"
    mo.post(reverse("admin:experiments_metricdefinition_archive", args=[row.pk]))
    mo.get(ADD)  # shows the messages
    assert "Best reviews" not in mo.get(ADD).content.decode()


def create_namespace_through(mo: Client) -> None:
    address = reverse("admin:experiments_namespace_add")
    assert "must be new" in mo.post(address, {"name": "Home", "key": "Home!"}).content.decode()
    assert mo.post(address, {"name": "Home", "key": "home"}).status_code == 302
    assert Namespace.objects.get().name == "Home"


def test_the_permanent_holdout_starts_once(mo: Client) -> None:
    address = reverse("admin:experiments_experiment_holdout")
    assert "90" in mo.post(address, {"share": "90"}).content.decode()
    assert not Experiment.objects.exists()

    mo.post(address, {"share": "4"})
    row = Experiment.objects.get(kind=Kind.HOLDOUT)
    assert (row.status, row.arms.get(position=0).weight) == ("running", 0.04)
    again = mo.get(address)
    assert again.headers["Location"] == url(row)
    hub = mo.get(url(row)).content.decode()
    assert url(row, "step", "stop") in hub
    assert url(row, "step", "ship") not in hub
    question = mo.get(url(row, "step", "stop")).content.decode()
    assert "Everybody gets personalization from now on." in question
    assert "Everybody gets the control" not in question


def test_the_page_pauses_all_policies_and_lets_them_go_on(mo: Client) -> None:
    address = reverse("admin:experiments_experiment_pause")
    assert "This field is required" in mo.post(address, {"reason": ""}).content.decode()
    page = mo.post(address, {"reason": "Numbers are being repaired"}, follow=True).content.decode()

    assert "All policies are paused: Numbers are being repaired." in page
    assert "Let them go on" in page
    assert "All policies go on." in mo.post(address, follow=True).content.decode()
    assert not PolicyPause.objects.exists()


def test_a_proposal_is_declined_with_a_reason(mo: Client) -> None:
    create_experiment("button", data={"policy_mode": "approve"}, actor="staff:1")
    start("button", actor="staff:1")
    row = Experiment.objects.get()
    proposal = Proposal.objects.create(
        experiment=row, action="ship", arm="treatment", rule="goal", reason="It is better.", inputs={}, at=clock.now()
    )
    hub = mo.get(url(row)).content.decode()
    assert "It is better." in hub
    assert url(row, "proposal", proposal.pk, "approve") in hub

    address = url(row, "proposal", proposal.pk, "decline")
    mo.post(address, {"reason": ""})
    proposal.refresh_from_db()
    assert proposal.state == "open"
    mo.post(address, {"reason": "Wait for Monday."})
    proposal.refresh_from_db()
    assert proposal.state == "declined"
    assert "warn" in mo.post(url(row, "proposal", proposal.pk, "approve")).content.decode()
