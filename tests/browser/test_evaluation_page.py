"""The evaluation report draws all plots in light mode, dark mode and print, with our own scripts."""

from pathlib import Path

from django.contrib.auth import get_user_model
from django.urls import reverse
from playwright.sync_api import Page, Request, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from modelops.services.registry import promote
from tests.browser.conftest import Shoot
from tests.modelops.releases import judged_version
from tests.modelops.reports import REPORT
from tests.recsys.furniture import model
from tests.recsys.planted import case, slow, usual

PLOTS = 10
DRAWN = ".js-plotly-plot .main-svg:first-child"
PHONE = {"width": 390, "height": 844}
MIDDLE = 128
"""The brightness between dark and light."""
PAPER = {"width": 718, "height": 1000}
CUT = """() => [...document.querySelectorAll('.main-svg, #content table, #content p')].filter(
  (one) => one.checkVisibility() && one.getBoundingClientRect().right > document.documentElement.clientWidth).length"""
BROKEN_OUT = """() => [...document.querySelectorAll('.v .v-scroll')].filter((one) => one.checkVisibility() &&
  one.getBoundingClientRect().right > one.closest('.v-card, .v').getBoundingClientRect().right
  ).map((one) => one.innerText)"""
WITHOUT_HINT = """() => [...document.querySelectorAll('.v table')].filter((one) => one.checkVisibility() &&
  one.scrollWidth > one.parentElement.clientWidth + 1 &&
  !getComputedStyle(one.parentElement, '::before').content.includes('Scroll')).map((one) => one.innerText)"""
CUT_LEGENDS = """() => [...document.querySelectorAll('.legend')].flatMap((legend) => {
  const frame = legend.querySelector('.bg').getBoundingClientRect();
  const texts = [...legend.querySelectorAll('.legendtext')];
  const end = (one) => one.getBoundingClientRect().right;
  return texts.filter((one) => end(one) > frame.right + 0.5).map((one) => one.textContent); })"""
BRIGHTEST = """() => Math.max(...[...document.querySelectorAll('#content p, #content td, .xtick text')].map(
  (one) => { const c = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    c.fillStyle = one.closest('svg') ? getComputedStyle(one).fill : getComputedStyle(one).color;
    c.fillRect(0, 0, 1, 1); return c.getImageData(0, 0, 1, 1).data[1]; }))"""


def test_all_plots_are_drawn(
    live_server: LiveServer,
    page: Page,
    requests: list[Request],
    violations: list[str],
    settings: Settings,
    tmp_path: Path,
    shoot: Shoot,
) -> None:
    settings.MODEL_DIR = tmp_path
    version = judged_version(model(("popular",)), case(slow(usual()), usual()), report=REPORT)
    get_user_model().objects.create_superuser("ada", password="correct horse battery")
    page.goto(f"{live_server.url}/admin/login/")
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", "correct horse battery")
    page.click("button[type=submit]")

    page.goto(live_server.url + reverse("admin:modelops_modelversion_evaluation_page", args=[version.pk]) + "?part=all")

    page.locator(".v-plot").first.scroll_into_view_if_needed()
    expect(page.locator(DRAWN).first).to_be_visible()
    assert page.locator(DRAWN).count() < PLOTS  # what is far down waits
    leafed_through(page)
    expect(page.locator(".v-chip.fail").first).to_be_visible()
    shoot(page, "evaluation")
    page.evaluate("document.documentElement.classList.add('dark')")
    expect(page.locator(DRAWN)).to_have_count(PLOTS)
    shoot(page, "evaluation-dark")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.reload()
    leafed_through(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
    shoot(page, "evaluation-phone")
    on_paper(page, shoot)
    assert [one.url for one in requests if not one.url.startswith((live_server.url, "data:", "blob:"))] == []
    assert violations == []


def test_opened_tables_scroll_inside_their_cards_on_a_phone(
    live_server: LiveServer, page: Page, settings: Settings, tmp_path: Path, shoot: Shoot
) -> None:
    settings.MODEL_DIR = tmp_path
    live, version = (
        judged_version(model(("popular",)), case(one, usual()), report=REPORT) for one in (usual(), slow(usual()))
    )
    promote(live.version, actor="staff:1")
    get_user_model().objects.create_superuser("ada", password="correct horse battery")
    page.goto(f"{live_server.url}/admin/login/")
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", "correct horse battery")
    page.click("button[type=submit]")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    report = reverse("admin:modelops_modelversion_evaluation_page", args=[version.pk])
    pages = {
        "comparison": reverse("portal:model-comparison", args=[version.pk]),
        "models": reverse("portal:models"),
        "report": f"{report}?part=all",
        "promote": reverse("admin:modelops_modelversion_promote_page", args=[version.pk]),
    }

    for name, address in pages.items():
        page.goto(live_server.url + address)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for place in page.locator("[data-figure]").all():
            place.scroll_into_view_if_needed()
            expect(place.locator(".main-svg").first).to_be_visible()

        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
        assert page.evaluate(BROKEN_OUT) == [], name
        assert page.evaluate(WITHOUT_HINT) == [], name
        assert page.evaluate(CUT_LEGENDS) == [], name
        shoot(page, f"{name}-tables-phone")


def leafed_through(page: Page) -> None:
    """Scroll down the page and check that all plots are drawn."""
    for place in page.locator("[data-figure]").all():
        place.scroll_into_view_if_needed()
        expect(place.locator(".main-svg").first).to_be_visible()
    assert page.locator(DRAWN).count() == PLOTS


def on_paper(page: Page, shoot: Shoot) -> None:
    """Print the page from dark mode: dark on white, nothing cut off; afterwards it is as before."""
    plots = page.locator(DRAWN)
    page.set_viewport_size(PAPER)  # type: ignore[arg-type]
    page.reload()
    expect(plots.first).to_be_visible()
    page.evaluate("document.documentElement.classList.add('dark')")
    before = plots.first.get_attribute("width")

    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(plots).to_have_count(PLOTS)
    assert {one.get_attribute("width") for one in plots.all()} == {"620"}
    assert page.evaluate(CUT) == 0
    assert page.evaluate(BRIGHTEST) < MIDDLE
    shoot(page, "evaluation-paper")

    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(plots.first).to_have_attribute("width", before or "")
