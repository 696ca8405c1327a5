"""The list of trainings keeps up with each run, also with one that went on before the page first asked."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, Request, Route, expect
from pytest_django.live_server_helper import LiveServer

from common import clock
from modelops.models import RunState, TrainingRun


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (RunState.QUEUED, RunState.RUNNING),
        (RunState.QUEUED, RunState.FAILED),
        (RunState.RUNNING, RunState.FAILED),
        (RunState.RUNNING, RunState.DONE),
    ],
)
def test_a_run_that_changed_before_the_first_poll_is_shown_as_it_is(
    live_server: LiveServer, ada: Page, before: RunState, after: RunState
) -> None:
    run = TrainingRun.objects.create(actor="system:test", state=before, heartbeat_at=clock.real_now())
    loads: list[str] = []

    def count(request: Request) -> None:
        if request.is_navigation_request():
            loads.append(request.url)

    def change(route: Route) -> None:
        fields = {"state": after, "message": "so it went", "progress": 0.3, "heartbeat_at": clock.real_now()}
        TrainingRun.objects.filter(pk=run.pk).update(**fields)
        route.continue_()

    ada.route("**/trainingrun/live", change)
    ada.on("request", count)
    ada.goto(f"{live_server.url}{reverse('admin:modelops_trainingrun_changelist')}")

    row = ada.locator("#result_list tr", has=ada.locator(f"a[href*='/{run.pk}/change/']"))
    expect(row.locator(".field-state_label")).to_contain_text(after.value)
    expect(row.locator(".field-message_text")).to_contain_text("so it went")
    ada.wait_for_timeout(2_500)
    assert len(loads) == 2, "the page is loaded anew once for a changed state"
