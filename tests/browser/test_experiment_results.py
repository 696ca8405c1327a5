"""The results of an experiment follow by themselves: over a socket, and by asking while it is down; and they fit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, WebSocketRoute, expect
from pytest_django.live_server_helper import LiveServer

from experiments.models import Experiment
from experiments.results import ExperimentResults
from portal.experiments import snapshot
from tests.browser.conftest import Shoot
from tests.browser.test_accessibility import STILL, barred, too_wide
from tests.portal.experiments import shown
from tests.portal.experiments.conftest import Show, ranker, show

__all__ = ["ranker", "show"]
DRAWN = ".js-plotly-plot .main-svg:first-child"
DESK: Any = {"width": 1280, "height": 900}
PHONE: Any = {"width": 390, "height": 844}
SOCKET = "**/ws/experiments/home-ranker"
Open = Callable[[], Page]


def more_visitors(n: int) -> ExperimentResults:
    """Return results with so many visitors of the control."""
    first, *others = shown.results().arms
    return shown.results(arms=(replace(first, units=n), *others))


@pytest.fixture
def open_page(live_server: LiveServer, ranker: Experiment, ada: Page) -> Open:
    def go() -> Page:
        ada.goto(live_server.url + reverse("admin:experiments_experiment_results", args=[ranker.pk]))
        return ada

    return go


def test_a_socket_pushes_changed_numbers_into_the_open_page(open_page: Open, ada: Page, show: Show) -> None:
    open_sockets: list[WebSocketRoute] = []

    def serve(route: WebSocketRoute) -> None:
        open_sockets.append(route)
        route.send(snapshot.Snapshot.of("home-ranker").encoded())

    ada.route_web_socket(SOCKET, serve)
    page = open_page()
    page.evaluate("window.isSamePage = true")
    expect(page.locator("#connection")).to_have_text("live")

    show(more_visitors(4321))
    open_sockets[0].send(snapshot.Snapshot.of("home-ranker").encoded())

    expect(page.locator("[data-part=visitors]")).to_contain_text("4,321")
    assert page.evaluate("window.isSamePage")


def test_without_a_socket_the_page_asks_and_says_so(open_page: Open, show: Show) -> None:
    page = open_page()  # this server has no sockets
    show(more_visitors(5432))

    expect(page.locator("[data-part=visitors]")).to_contain_text("5,432", timeout=15_000)
    expect(page.locator("#connection")).to_have_text("polls every 5 s")


def test_a_socket_that_was_lost_is_opened_again_and_the_page_polls_meanwhile(open_page: Open, ada: Page) -> None:
    open_sockets: list[WebSocketRoute] = []

    def serve(route: WebSocketRoute) -> None:
        open_sockets.append(route)
        if len(open_sockets) != 2:  # the second try comes too early
            route.send(snapshot.Snapshot.of("home-ranker").encoded())
        else:
            route.close(code=1011, reason="")

    ada.route_web_socket(SOCKET, serve)
    page = open_page()
    expect(page.locator("#connection")).to_have_text("live")

    open_sockets[0].close(code=1012, reason="")

    expect(page.locator("#connection")).to_have_text("polls every 5 s")
    expect(page.locator("#connection")).to_have_text("live", timeout=15_000)
    assert len(open_sockets) == 3


def test_without_a_server_the_page_says_since_when(open_page: Open, ada: Page) -> None:
    page = open_page()
    page.context.set_offline(True)

    expect(page.locator("#connection")).to_contain_text("not connected since", timeout=15_000)

    page.context.set_offline(False)
    expect(page.locator("#connection")).to_have_text("polls every 5 s", timeout=15_000)


def test_who_may_no_longer_see_it_is_told(open_page: Open, ada: Page) -> None:
    ada.route_web_socket(SOCKET, lambda route: route.close(code=4403, reason=""))
    page = open_page()

    expect(page.locator("#connection")).to_have_text("stopped: you may no longer see this")


def test_the_page_and_the_report_fit_and_can_be_read_by_all(
    open_page: Open, violations: list[str], shoot: Shoot
) -> None:
    page = open_page()
    page.evaluate(STILL)
    page.set_viewport_size(DESK)
    figures = page.locator("[data-figure]").count()
    page.evaluate("document.querySelectorAll('[data-figure]').forEach((one) => one.scrollIntoView())")
    for at in range(figures):
        page.locator("[data-figure]").nth(at).scroll_into_view_if_needed()
    expect(page.locator(DRAWN)).to_have_count(figures)
    page.evaluate("scrollTo(0, 0)")
    shoot(page, "experiment-results")
    assert barred(page) == []
    page.evaluate("document.documentElement.classList.add('dark')")
    page.wait_for_timeout(300)
    shoot(page, "experiment-results-dark")
    assert barred(page, "color-contrast") == []
    page.evaluate("document.documentElement.classList.remove('dark')")
    assert too_wide(page) == []
    page.set_viewport_size(PHONE)
    page.wait_for_timeout(500)
    shoot(page, "experiment-results-phone")

    page.set_viewport_size(DESK)
    page.get_by_role("link", name="Report to print").click()
    expect(page.locator("svg.v-paper")).to_have_count(2)
    assert barred(page) == []
    assert too_wide(page) == []
    page.set_viewport_size({"width": 760, "height": 900})
    page.emulate_media(media="print")
    shoot(page, "experiment-report-print")
    assert violations == []
