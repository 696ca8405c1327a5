"""A policy decides from the counted cells, with nothing in between but the results."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common import clock
from experiments.metrics.registry import ORDERED
from experiments.models import Experiment
from experiments.selectors.metrics import variables_of
from experiments.services.designs import create_experiment
from experiments.services.lifecycle import start
from experiments.services.policies import apply_policy
from tests.experiments.results_rows import cell, write_cells

pytestmark = pytest.mark.django_db
MO = "staff:7"


def running(**data: Any) -> Experiment:
    metrics = {"goal_metric": "conversion_rate", "policy_mode": "automatic", "planned_units": 20_000}
    create_experiment("button", data={**metrics, **data}, actor=MO)
    start("button", actor=MO)
    return Experiment.objects.get(key="button")


def of_group(value: str, arm: str, orders: int, row: Experiment) -> Any:
    return replace(cell(arm, 10_000, {ORDERED: orders}, variables_of(row)), dimension="device", value=value)


@pytest.mark.parametrize(("mobile", "action"), [(700, "roll_back"), (960, None)])
def test_harm_to_the_shoppers_of_one_device_is_rolled_back(mobile: int, action: str | None) -> None:
    row = running(guardrail_metrics=[{"metric": "conversion_rate", "dimension": "device", "margin": 0.05}])
    variables = variables_of(row)
    cells = (
        cell("control", 20_000, {ORDERED: 2_000}, variables),
        cell("treatment", 20_000, {ORDERED: mobile + 1_400}, variables),
        *(of_group(device, "control", 1_000, row) for device in ("mobile", "desktop")),
        of_group("mobile", "treatment", mobile, row),
        of_group("desktop", "treatment", 1_400, row),
    )
    write_cells(row, cells)

    proposal = apply_policy("button")

    assert (None if proposal is None else proposal.action) == action
    assert proposal is None or (proposal.rule, proposal.arm) == ("group_breached", "treatment")


def test_a_metric_that_gets_worse_beyond_its_margin_is_rolled_back_on_the_first_day() -> None:
    row = running(goal_metric="revenue_per_visitor", guardrail_metrics=[{"metric": "conversion_rate", "margin": 0.02}])
    variables = variables_of(row)
    write_cells(
        row,
        (cell("control", 5_000, {ORDERED: 500}, variables), cell("treatment", 5_000, {ORDERED: 300}, variables)),
    )

    proposal = apply_policy("button", now=clock.now() + timedelta(hours=2))

    assert proposal is not None
    assert (proposal.rule, proposal.inputs["progress"]["days"] < 1) == ("guardrail_breached", True)
    row.refresh_from_db()
    assert (row.status, row.final_arm) == ("stopped", "control")
