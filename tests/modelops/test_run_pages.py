"""The pages of training runs: how long each took, and where a failed one broke."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from common import clock
from modelops.models import RunState, TrainingRun
from modelops.selectors.runs import SILENCE, advice_of
from modelops.selectors.steps import seconds_of
from tests.staff import LogIn

pytestmark = pytest.mark.django_db
LIST = reverse("admin:modelops_trainingrun_changelist")


def a_run(**fields: Any) -> TrainingRun:
    """Return a run that began three minutes ago."""
    began = clock.now() - timedelta(minutes=3)
    return TrainingRun.objects.create(**{"actor": "staff:1", "started_at": began, **fields})


def test_a_failed_run_says_where_it_broke_and_what_to_do(log_in: LogIn) -> None:
    run = a_run(state=RunState.FAILED, step="Fitting nmf", message="no memory", finished_at=clock.now())

    text = log_in("operator").get(reverse("admin:modelops_trainingrun_change", args=[run.pk])).content.decode()

    assert '<span class="v-chip fail">failed</span>' in text
    assert text.index("Broke at") < text.index("Fitting nmf") < text.index("no memory") < text.index("What to do")
    assert "the worker" not in text[: text.index("What to do")].lower()


def test_the_list_says_how_long_each_run_took(log_in: LogIn) -> None:
    began = clock.now() - timedelta(hours=2)
    a_run(state=RunState.DONE, started_at=began, finished_at=began + timedelta(seconds=200))
    queued = TrainingRun.objects.create(actor="staff:1")

    assert "3 min 20 s" in log_in("operator").get(LIST).content.decode()
    assert seconds_of(queued) is None


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({"state": RunState.FAILED}, "The worker's log"),
        ({"state": RunState.FAILED, "data_report": {"checks": [{"name": "x", "passed": False}]}}, "Mend the data"),
        ({"state": RunState.RUNNING, "heartbeat_at": clock.now() - 2 * SILENCE}, "Look whether the process"),
    ],
)
def test_what_to_do_depends_on_how_it_failed(fields: dict[str, Any], advice: str) -> None:
    assert advice_of(a_run(**fields)).startswith(advice)
