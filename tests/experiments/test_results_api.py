"""The results API: the documented answer, the list, the table, and who may ask."""

import csv
import io
import json
from typing import Any

import pytest
from django.test import Client

from access.services import create_key
from experiments.api.result_serializers import ResultsSerializer
from experiments.models import Experiment
from experiments.selectors.results import plan_of, results_of
from experiments.services.designs import create_experiment
from experiments.services.lifecycle import start
from tests.experiments.analysis.test_effects import shoppers
from tests.experiments.analysis.units import cells_of
from tests.experiments.results_rows import write_cells

pytestmark = pytest.mark.django_db
MO = "staff:mo"


@pytest.fixture
def key() -> str:
    """A secret key that may read results, beside a running experiment with shoppers."""
    data = {"goal_metric": "revenue_per_visitor", "guardrail_metrics": ["conversion_rate"]}
    create_experiment("button", data=data, actor=MO)
    start("button", actor=MO)
    plan = plan_of("button")
    write_cells(Experiment.objects.get(), cells_of(plan, shoppers("control", 300), shoppers("treatment", 310)))
    return create_key(kind="sk", name="notebook", scopes=["experiments:read"])[1]


def get(client: Client, key: str, path: str) -> Any:
    return client.get(f"/api/v1/experiments{path}", headers={"Authorization": f"Bearer {key}"})


def test_the_answer_has_the_documented_form_and_the_dashboards_numbers(client: Client, key: str) -> None:
    answer = get(client, key, "/button/results")

    body = answer.json()
    assert answer.status_code == 200
    assert {"experiment", "updated_at", "units", "srm", "metrics", "policy", "sentence"} <= body.keys()
    assert body["experiment"] == "button"
    assert body["units"] == {"control": 300, "treatment": 310}
    assert body["srm"]["verdict"] == "as_planned"
    assert body["policy"]["mode"] == "recommend"
    results = results_of("button")
    assert body["sentence"] == results.verdict
    assert results.goal is not None
    (one,) = results.goal.comparisons
    goal = body["metrics"][0]
    assert [arm["variation"] for arm in goal["arms"]] == ["control", "treatment"]
    assert "effect" not in goal["arms"][0]
    treatment = goal["arms"][1]
    assert {"n", "value", "effect", "relative", "ci", "p", "inference"} <= treatment.keys()
    assert treatment["effect"] == one.absolute.value
    assert treatment["ci"] == [one.absolute.low, one.absolute.high]
    assert treatment["inference"] == "always_valid"
    assert treatment["quantiles"].keys() == {"0.5", "0.75", "0.9", "0.95", "0.99"}
    assert body["metrics"][1]["arms"][1]["guardrail"]["is_breached"] is False
    assert [one["dimension"] for one in goal["breakdowns"]] == ["device"]


def test_the_schema_names_every_field(client: Client, key: str) -> None:
    body = get(client, key, "/button/results").json()

    assert body.keys() == ResultsSerializer().fields.keys()
    for metric in body["metrics"]:
        fields: Any = ResultsSerializer().fields["metrics"]
        assert metric.keys() == fields.child.fields.keys()
        arms = fields.child.fields["arms"].child.fields.keys()
        assert all(arm.keys() <= arms for arm in metric["arms"])


def test_an_experiment_without_numbers_has_an_answer(client: Client, key: str) -> None:
    create_experiment("quiet", data={}, actor=MO)

    body = get(client, key, "/quiet/results").json()

    assert (body["level"], body["sentence"]) == ("waiting", "The experiment has not started.")


def test_experiments_are_listed_in_pages(client: Client, key: str) -> None:
    create_experiment("aardvark", data={}, actor=MO)

    first = get(client, key, "?limit=1").json()
    second = get(client, key, f"?limit=1&cursor={first['next_cursor']}").json()
    running = get(client, key, "?status=running").json()

    assert [one["key"] for one in first["experiments"]] == ["aardvark"]
    assert [one["key"] for one in second["experiments"]] == ["button"]
    assert second["next_cursor"] is None
    assert [one["key"] for one in running["experiments"]] == ["button"]
    assert [arm["key"] for arm in running["experiments"][0]["arms"]] == ["control", "treatment"]


def test_the_table_has_a_row_for_each_metric_group_and_arm(client: Client, key: str) -> None:
    answer = get(client, key, "/button/results.csv")

    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert len(rows) == 2 * 2 * (1 + 2)
    names = [(row["metric"], row["dimension"], row["group"], row["arm"]) for row in rows[:4]]
    assert names[0] == ("revenue_per_visitor", "", "", "control")
    assert names[3][:2] == ("revenue_per_visitor", "device")
    results = results_of("button")
    assert results.goal is not None
    assert float(rows[1]["effect_low"]) == results.goal.comparisons[0].absolute.low
    assert rows[0]["effect"] == ""


@pytest.mark.parametrize("path", ["/nothing/results", "/nothing/results.csv"])
def test_an_unknown_experiment_is_a_problem(client: Client, key: str, path: str) -> None:
    answer = get(client, key, path)

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["detail"] == "There is no experiment nothing."


@pytest.mark.parametrize(
    ("query", "field"), [("?status=gone", "status"), ("?cursor=!", "cursor"), ("?limit=0", "limit")]
)
def test_a_bad_list_names_the_field(client: Client, key: str, query: str, field: str) -> None:
    answer = get(client, key, query)

    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("path", ["", "/button/results", "/button/results.csv"])
def test_a_key_without_the_scope_learns_nothing(client: Client, key: str, path: str) -> None:
    other = create_key(kind="sk", name="feed", scopes=["catalog:read"])[1]

    assert get(client, other, path).status_code == 403
    assert client.get(f"/api/v1/experiments{path}").status_code == 401
    assert json.loads(get(client, other, path).content).keys() >= {"title", "detail"}
