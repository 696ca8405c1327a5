"""The evaluation report of a model version draws every plot, in light and in dark, without a script from elsewhere."""

from pathlib import Path

from django.contrib.auth import get_user_model
from django.urls import reverse
from playwright.sync_api import Page, Request, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import Shoot
from tests.personalization.planted import case, slow, usual
from tests.personalization.releases import judged
from tests.personalization.reports import REPORT
from tests.personalization.shop import model

PLOTS = 11
PHONE = {"width": 390, "height": 844}


def test_every_plot_is_drawn(
    live_server: LiveServer, page: Page, requests: list[Request], settings: Settings, tmp_path: Path, shoot: Shoot
) -> None:
    settings.MODEL_DIR = tmp_path
    version = judged(model(("popular",)), case(slow(usual()), usual()), report=REPORT)
    get_user_model().objects.create_superuser("ada", password="correct horse battery")
    page.goto(f"{live_server.url}/admin/login/")
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", "correct horse battery")
    page.click("button[type=submit]")

    page.goto(live_server.url + reverse("admin:personalization_modelversion_evaluation_page", args=[version.pk]))

    expect(page.locator(".js-plotly-plot .main-svg:first-child")).to_have_count(PLOTS)
    expect(page.locator(".v-chip.no").first).to_be_visible()
    shoot(page, "evaluation")
    page.evaluate("document.documentElement.classList.add('dark')")
    expect(page.locator(".js-plotly-plot .main-svg:first-child")).to_have_count(PLOTS)
    shoot(page, "evaluation-dark")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.reload()
    expect(page.locator(".js-plotly-plot .main-svg:first-child")).to_have_count(PLOTS)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
    shoot(page, "evaluation-phone")
    assert [one.url for one in requests if not one.url.startswith((live_server.url, "data:", "blob:"))] == []
