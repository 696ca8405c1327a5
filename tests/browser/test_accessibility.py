"""Accessibility: axe-core finds nothing serious on any page, and no page scrolls sideways.

axe-core (MPL-2.0) comes inside of axe-playwright-python (MIT), which only tests need. What it cannot see, tests beside
this one look at: keys, what a refused form says, what is printed.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth import get_user_model
from playwright.sync_api import Page, TimeoutError, expect
from pytest_django import Settings

from common import clock
from common.pseudonyms import pseudonym, subject_pseudonym
from consents.services.requests import open_request
from customers.selectors import Identity
from experiments.services.designs import create_experiment
from experiments.services.lifecycle import start
from experiments.services.metrics import define_metric
from personalization.services.rules import create_rule
from tests.browser.conftest import Shop
from tests.browser.waiting import until
from tests.modelops.releases import judged_version, passed_version
from tests.modelops.reports import REPORT
from tests.recsys.furniture import model
from tests.recsys.planted import case, slow, usual

WIDTHS = (320, 360, 640, 768, 1280)
"""Widths of phone, small tablet and desktop; 640 and 320 are the desktop at 200 and 400 % zoom."""
BARRED = ("serious", "critical")
FITS = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
STILL = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("*, ::before, ::after { transition: none !important; animation: none !important }");
    document.adoptedStyleSheets.push(sheet);
}"""
"""CSS that ends all transitions, so that colors are final at once."""
DOORS = "#nav-sidebar-inner a[href^='/']:not([href='/api/docs'])"
"""The API docs, drawn by Swagger UI, have a test of their own."""
FIRST = "#result_list tbody :is(th, td) a[href^='/admin/']"
ADD = "a[href$='/add/']"
VERSION = "/admin/modelops/modelversion/"
VERSION_PAGES = ("evaluation", "promote", "ask-waiver", "against-live")
EXPERIMENT = "/admin/experiments/experiment/"
EXPERIMENT_PAGES = ("design", "step/ship", "step/change_weights", "step/archive")
BEHIND_BUTTONS = (
    *("/admin/modelops/trainingrun/train/", "/admin/password_change/", "/admin/catalog/product/import/"),
    *(f"{VERSION}side-by-side/", f"{VERSION}roll-back/"),
    "/admin/audit/auditevent/export/",
    *("/portal/replay?answer=0198c0de-0000-7000-8000-000000000000",),
    *("/portal/performance/home/objective?objective=revenue",),
    "/portal/experiments/preview?experiment=home-ranker",
    *("/portal/customers/user:ada", "/portal/preview?subject=ada&placement=home&effect=pin&products=P0009&position=2"),
)
"""Pages that are linked from no list and no sidebar."""
SHOP_PAGES = ("/", "/shop/", "/shop/products/P0001", "/shop/cart", "/shop/search?q=a", "/shop/login")
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Waits until the page has heard of a new size and drawn itself: its scripts answer to both."""


@pytest.fixture
def worked(open_shop: Shop, page: Page, settings: Settings, tmp_path: Path) -> Shop:
    """The shop with rows of all kinds: an order with events, versions, a run, an alarm, a waiver."""
    from audit.services import exports
    from audit.services.sequencing import sequence
    from events.activity import orders_of
    from modelops.models import (
        ModelAlarm,
        ModelVersion,
        ModelWaiver,
        TrainingRun,
    )
    from modelops.services.registry import promote

    settings.MODEL_DIR, settings.MEDIA_ROOT, settings.AUDIT_KEY_FILE = tmp_path, tmp_path, tmp_path / "signing.key"
    page.goto(f"{open_shop.url}/shop/login")
    page.locator("[data-vitrine-consent=yes]").click()
    page.locator("#user_id").fill("ada")
    page.locator(".other button").click()
    page.goto(open_shop.product("P0001"))
    page.locator("[data-vitrine-add]").click()
    page.locator("text=Order and pretend to pay").click()
    expect(page.locator("h1")).to_have_text("Thank you")
    until(lambda: orders_of(Identity((pseudonym("ada"),), ()), limit=1))
    promote(passed_version(model(("popular",)), report=REPORT), actor="staff:1")
    open_request(
        subject_pseudonym("user:ada"), kind="erasure", regime="ccpa", actor="staff:1", contact="ada@example.com"
    )
    failed_version, now = judged_version(model(("popular",)), case(slow(usual()), usual()), report=REPORT), clock.now()
    run = TrainingRun.objects.create(actor="system:test", model_version=failed_version, step="Fitting", progress=0.4)
    live = ModelVersion.objects.exclude(pk=failed_version.pk).get()
    ModelAlarm.objects.create(kind="data", message="few", model_version=live, run=run, raised_at=now, latest_at=now)
    asker = get_user_model().objects.create(username="mo")
    ModelWaiver.objects.create(
        model_version=failed_version,
        reason="season",
        requested_by=asker,
        requested_at=now,
        expires_at=now + timedelta(days=1),
    )
    payload = {"placement": "home", "strategy": "popular"}
    arms = [{"key": "control", "weight": 0.5}, {"key": "popular", "weight": 0.5, "payload": payload}]
    data = {"arms": arms, "payload_kind": "strategy", "goal_metric": "conversion_rate"}
    create_experiment("home-ranker", data=data, actor="staff:1")
    start("home-ranker", actor="staff:1")
    sequence()
    exports.run_export(exports.queue_export(format="csv", declared={}, actor="staff:1").pk)
    numerator = {"source": "events", "events": ["Product Viewed"]}
    define_metric("looks", data={"name": "Looks", "kind": "mean", "numerator": numerator}, actor="staff:1")
    return open_shop


def staff_pages(page: Page, shop: Shop) -> Iterator[str]:
    """Yield the URLs of the sidebar, of each list's first row and add form, and of buttons.

    The caller opens each URL in turn; the links of a list are read from the open page.
    """
    page.goto(f"{shop.url}/admin/")
    doors: list[str] = page.eval_on_selector_all(DOORS, "all => all.map((one) => one.getAttribute('href'))")
    pages = dict.fromkeys(doors)
    assert len(pages) > 20
    for door in tuple(pages):
        yield door
        assert page.url == shop.url + door
        for leads in (page.locator(FIRST), page.locator(ADD)):
            if leads.count():
                pages[str(leads.first.get_attribute("href")).partition("?")[0]] = None
    version = next(one for one in pages if one.startswith(VERSION) and one.endswith("/change/"))
    of_version = [version.replace("/change/", f"/{name}/") for name in VERSION_PAGES]
    experiment = next(one for one in pages if one.startswith(EXPERIMENT) and one.endswith("/change/"))
    of_version += [experiment.replace("/change/", f"/{name}/") for name in EXPERIMENT_PAGES]
    yield from dict.fromkeys(one for one in (*pages, *of_version, *BEHIND_BUTTONS) if one not in doors)


def barred(page: Page, *rules: str) -> list[str]:
    """Return axe-core's violations on the page, for the given rules or all."""
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    page.evaluate(DRAWN)
    loaded = page.evaluate("() => 'axe' in window")  # half a megabyte, by the first look at the page
    axe = Axe("null") if loaded else Axe()
    violations: list[dict[str, Any]] = axe.run(page, options=options).response["violations"]
    return [f"{one['id']}: {node['html']}" for one in violations if one["impact"] in BARRED for node in one["nodes"]]


def too_wide(page: Page) -> list[int]:
    """Return the widths at which the page scrolls sideways, after its plots have adapted."""
    elements = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        try:
            page.wait_for_function(FITS, timeout=5_000)
        except TimeoutError:
            elements.append(width)
    return elements


def test_staff_pages_are_accessible_and_fit_the_screen(worked: Shop, ada: Page) -> None:
    problems: dict[Any, Any] = {}
    for address in staff_pages(ada, worked):
        answer = ada.goto(worked.url + address)
        assert answer is not None
        assert answer.ok, address
        ada.evaluate(STILL)
        problems[address, "light"] = barred(ada)
        ada.evaluate("document.documentElement.classList.add('dark')")
        problems[address, "dark"] = barred(ada, "color-contrast")
        problems[address, "wide"] = too_wide(ada)

    assert {where: what for where, what in problems.items() if what} == {}


@pytest.mark.parametrize(("price", "heading"), [("3.00", "What would be written"), ("three", "Rejected rows")])
def test_upload_preview_fits_the_page(shop: Shop, ada: Page, price: str, heading: str, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text(f"product_id,title,price,currency\n{'P' * 200},{'Chair' * 60},{price},EUR\n")
    ada.goto(f"{shop.url}/admin/catalog/product/import/")
    ada.set_input_files("[name=import_file]", file)
    ada.select_option("[name=format]", label="csv")
    ada.locator("#main .v [type=submit]").click()

    expect(ada.get_by_role("heading", name=heading)).to_be_visible()
    assert too_wide(ada) == []
    assert barred(ada) == []


def test_long_rule_names_keep_all_columns_visible(shop: Shop, ada: Page) -> None:
    wording = {"effect": "boost", "products": ["p" * 120], "context_products": ["q" * 120]}
    create_rule(name="x" * 120, wording=wording, actor="staff:1")

    ada.goto(f"{shop.url}/admin/personalization/rule/")

    expect(ada.locator("#result_list .field-state")).to_be_visible()
    assert (
        ada.evaluate("(t => t.scrollWidth - t.parentElement.clientWidth)(document.querySelector('#result_list'))") <= 0
    )


def test_long_waiver_reason_keeps_all_columns_visible(shop: Shop, ada: Page) -> None:
    from modelops.models import ModelVersion, ModelWaiver

    failed_version, now = (
        ModelVersion.objects.create(version="2026-11-24.1", directory="x", artifact_hash="a" * 64),
        clock.now(),
    )
    asker = get_user_model().objects.create(username="mo")
    ModelWaiver.objects.create(
        model_version=failed_version,
        reason="x" * 300,
        requested_by=asker,
        requested_at=now,
        expires_at=now + timedelta(days=1),
    )

    ada.goto(f"{shop.url}/admin/modelops/modelwaiver/")

    expect(ada.locator("#result_list .field-reason")).to_be_visible()
    assert (
        ada.evaluate("(t => t.scrollWidth - t.parentElement.clientWidth)(document.querySelector('#result_list'))") <= 0
    )


def test_shop_pages_are_accessible_and_fit_the_screen(worked: Shop, page: Page) -> None:
    problems: dict[Any, Any] = {}
    for address in SHOP_PAGES:
        page.goto(worked.url + address)
        page.wait_for_load_state("networkidle")
        page.evaluate(STILL)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            problems[address, scheme] = barred(page)
        problems[address, "wide"] = too_wide(page)

    assert {where: what for where, what in problems.items() if what} == {}
