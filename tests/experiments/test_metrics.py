"""Metrics: those of the product, those that marketers define, and the variables that an experiment needs."""

from typing import Any

import pytest

from audit.models import AuditEvent
from common.errors import Conflict, InvalidInput, NotFound
from experiments.metrics.base import Filter, Variable
from experiments.metrics.registry import METRICS
from experiments.models import Experiment, MetricDefinition
from experiments.selectors.metrics import all_metrics, group_guardrails, margins_of, metric, metrics_of, variables_of
from experiments.selectors.results import plan_of
from experiments.services.designs import create_experiment
from experiments.services.lifecycle import start
from experiments.services.metrics import archive_metric, define_metric

MO = "staff:mo"
REVIEWS: dict[str, Any] = {
    "name": "Good reviews",
    "kind": "proportion",
    "numerator": {
        "source": "events",
        "aggregate": "any",
        "events": ["Product Reviewed"],
        "filters": [{"field": "rating", "operator": "at_least", "value": 4}],
        "window_hours": 48,
    },
    "display": "share",
    "margin": 0.1,
}
SPENT: dict[str, Any] = {
    "name": "Coupon value",
    "kind": "ratio",
    "numerator": {"source": "events", "aggregate": "sum", "events": ["Coupon Applied"], "field": "discount"},
    "denominator": {"source": "orders"},
}


@pytest.mark.django_db
def test_a_defined_metric_is_found_again_as_it_was_defined() -> None:
    define_metric("good_reviews", data=REVIEWS, actor=MO)
    define_metric("coupon_value", data=SPENT, actor=MO)

    reviews, spent = metric("good_reviews"), all_metrics()["coupon_value"]
    assert reviews.numerator == Variable(
        *("events", "any", ("Product Reviewed",), ""), (Filter("rating", "at_least", 4),), window_hours=48
    )
    assert (reviews.kind, reviews.display, reviews.margin, reviews.higher_is_better) == (
        "proportion",
        "share",
        0.1,
        True,
    )
    assert spent.denominator == Variable("orders")
    assert spent.numerator.field == "discount"
    assert list(all_metrics())[: len(METRICS)] == list(METRICS)
    events = AuditEvent.objects.filter(action="metric.defined").order_by("pk")
    assert {event.object for event in events} == {"metric:good_reviews", "metric:coupon_value"}
    with pytest.raises(NotFound):
        metric("joy")


def changed(place: str, **more: Any) -> dict[str, Any]:
    return {**REVIEWS, place: {**REVIEWS["numerator"], **more}}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({**REVIEWS, "name": ""}, "name"),
        ({**REVIEWS, "kind": "median"}, "kind"),
        ({**REVIEWS, "color": "red"}, "color"),
        ({**REVIEWS, "display": "bars"}, "display"),
        ({**REVIEWS, "margin": 1.5}, "margin"),
        ({**REVIEWS, "winsor_share": 0.99}, "winsor_share"),
        ({**REVIEWS, "higher_is_better": "yes"}, "higher_is_better"),
        ({**REVIEWS, "denominator": {"source": "orders"}}, "denominator"),
        ({**SPENT, "denominator": None}, "denominator"),
        ({**SPENT, "denominator": {"source": "orders", "events": ["Order Completed"]}}, "denominator.events"),
        ({**SPENT, "numerator": {"source": "orders", "aggregate": "sum", "field": "tax"}}, "numerator.field"),
        ({**SPENT, "numerator": {"source": "clicks", "aggregate": "sum"}}, "numerator.aggregate"),
        ({**SPENT, "numerator": "orders"}, "numerator"),
        (changed("numerator", aggregate="count"), "numerator.aggregate"),
        (changed("numerator", source="weather"), "numerator.source"),
        (changed("numerator", events=[]), "numerator.events"),
        (changed("numerator", events=["a\0"]), "numerator.events"),
        (changed("numerator", window_hours=0), "numerator.window_hours"),
        (changed("numerator", field="rating"), "numerator.field"),
        (
            changed("numerator", filters=[{"field": "x", "operator": "like", "value": 1}]),
            "numerator.filters.0.operator",
        ),
        (
            changed("numerator", filters=[{"field": "x", "operator": "at_most", "value": "a"}]),
            "numerator.filters.0.value",
        ),
        (changed("numerator", filters=[{"field": "x"}]), "numerator.filters.0"),
    ],
)
def test_an_impossible_metric_is_refused_and_names_the_field(data: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        define_metric("good_reviews", data=data, actor=MO)

    assert field in [error.field for error in refusal.value.errors]
    assert not MetricDefinition.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "Joy", "two words", "conversion_rate", "9_lives", "x" * 61])
def test_a_key_is_new_and_plain(key: str) -> None:
    with pytest.raises(InvalidInput):
        define_metric(key, data=REVIEWS, actor=MO)


@pytest.mark.django_db
def test_a_metric_changes_until_an_experiment_starts_with_it() -> None:
    define_metric("good_reviews", data=REVIEWS, actor=MO)
    create_experiment("stars", data={"guardrail_metrics": [{"metric": "good_reviews", "margin": 0.2}]}, actor=MO)
    define_metric("good_reviews", data={**REVIEWS, "name": "Better reviews"}, actor=MO)

    start("stars", actor=MO)

    with pytest.raises(Conflict, match="stars"):
        define_metric("good_reviews", data=REVIEWS, actor=MO)
    assert metric("good_reviews").name == "Better reviews"
    assert [one.margin for one in metrics_of(Experiment.objects.get())] == [0.2]


@pytest.mark.django_db
def test_an_archived_metric_stays_with_its_experiments_and_enters_no_new_one() -> None:
    define_metric("good_reviews", data=REVIEWS, actor=MO)
    create_experiment("stars", data={"goal_metric": "good_reviews"}, actor=MO)
    start("stars", actor=MO)

    archive_metric("good_reviews", actor=MO)

    assert [one.key for one in metrics_of(Experiment.objects.get())] == ["good_reviews"]
    assert "good_reviews" not in all_metrics()
    with pytest.raises(InvalidInput, match="good_reviews"):
        create_experiment("more-stars", data={"goal_metric": "good_reviews"}, actor=MO)
    archive_metric("good_reviews", actor=MO, is_archived=False)
    create_experiment("more-stars", data={"goal_metric": "good_reviews"}, actor=MO)


@pytest.mark.django_db
def test_variables_of_all_metrics_are_one_list_and_those_before_the_exposure_come_last() -> None:
    keys = {
        "goal_metric": "revenue_per_visitor",
        "secondary_metrics": ["average_order_value", "click_through_rate", "bounce_rate"],
        "guardrail_metrics": ["conversion_rate", {"metric": "bounce_rate", "margin": 0.01}],
    }
    create_experiment("layout", data=keys, actor=MO)

    names = [(one.source, one.aggregate, one.field, one.is_before) for one in variables_of(Experiment.objects.get())]

    after = [("orders", "sum", "revenue"), ("orders", "count", ""), ("clicks", "count", ""), ("answers", "count", "")]
    after += [("visits", "any", ""), ("orders", "any", "")]
    before = [after[0], after[1], after[5]]
    assert names == [(*one, False) for one in after] + [(*one, True) for one in before]


@pytest.mark.django_db
def test_a_goal_that_is_to_guard_itself_is_refused() -> None:
    with pytest.raises(InvalidInput, match="the goal cannot guard itself"):
        create_experiment(
            "layout", data={"goal_metric": "conversion_rate", "guardrail_metrics": ["conversion_rate"]}, actor=MO
        )


@pytest.mark.django_db
def test_a_guardrail_that_is_also_shown_guards_and_one_of_groups_leaves_the_total_its_own_margin() -> None:
    define_metric("stars", data={**REVIEWS, "margin": 0.15}, actor=MO)
    design = {
        "goal_metric": "revenue_per_visitor",
        "secondary_metrics": ["conversion_rate", "bounce_rate"],
        "guardrail_metrics": [
            {"metric": "conversion_rate", "margin": 0.03},
            {"metric": "conversion_rate", "dimension": "device", "margin": 0.4},
            {"metric": "stars", "dimension": "device"},
        ],
    }
    create_experiment("layout", data=design, actor=MO)
    plan, row = plan_of("layout"), Experiment.objects.get()

    assert [(one.metric.key, one.role) for one in plan.metrics] == [
        ("revenue_per_visitor", "goal"),
        ("conversion_rate", "guardrail"),
        ("bounce_rate", "secondary"),
        ("stars", "secondary"),
    ]
    assert margins_of(row) == {"conversion_rate": 0.03}
    assert [(one.metric, one.margin) for one in group_guardrails(row)] == [("conversion_rate", 0.4), ("stars", 0.15)]
