"""Screenshots of the main pages, with data and a trained model, into var/screenshots."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Shoot, Shop
from tests.browser.waiting import until
from tests.recsys.short_training import short_training

DRAWN = "body[data-drawn]"
SHOPPERS = 60


@pytest.fixture
def lively(open_shop: Shop) -> Shop:
    """The shop after ninety simulated days of 60 shoppers, with a model trained on them."""
    from demo import filling, training
    from demo.datasets import simulated
    from events.activity import lag

    data = simulated.load(now=datetime.now(UTC), currency="EUR", shoppers=SHOPPERS)
    filling.fill_catalog(data, lambda amount: None)
    filling.send_events(data, lambda amount: None)
    until(lambda: lag() == 0, seconds=120)
    filling.note_loaded(data)
    with short_training():
        training.train(lambda percent, step: None, here=True)
    return open_shop


def test_pages_are_photographed(lively: Shop, page: Page, chromium: Browser, shoot: Shoot) -> None:
    shop_walk(lively, page, shoot)
    phone(lively, chromium, shoot)
    staff_walk(lively, page, shoot)


def shop_walk(shop: Shop, page: Page, shoot: Shoot) -> None:
    """Visit home, product and cart as a regular customer."""
    page.goto(f"{shop.url}/shop/login")
    page.locator("[data-vitrine-consent=yes]").click()
    page.locator(".people button").first.click()
    page.wait_for_selector(DRAWN)
    expect(page.locator("[data-placement=home] .card")).to_have_count(12)
    expect(page.locator("[data-placement=home-svd] .card")).to_have_count(12)
    assert all(text.strip() for text in page.locator("[data-placement=home] .why").all_inner_texts())
    shoot(page, "shop-home")

    page.goto(shop.product("P0001"))
    page.wait_for_selector(DRAWN)
    expect(page.locator("[data-placement=similar] .card").first).to_be_visible()
    shoot(page, "product")

    page.locator("[data-vitrine-add]").click()
    page.wait_for_selector(DRAWN)
    expect(page.locator(".lines li")).to_have_count(1)
    shoot(page, "cart")


def phone(shop: Shop, chromium: Browser, shoot: Shoot) -> None:
    """Open the first page on a phone in dark mode: it fits the screen."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    page.goto(shop.home)
    page.wait_for_selector(DRAWN)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    shoot(page, "shop-home-phone")
    context.close()


def staff_walk(shop: Shop, page: Page, shoot: Shoot) -> None:
    """Visit the admin's home, model versions, preview and a customer."""
    from demo.setup import PASSWORD

    page.goto(f"{shop.url}/admin/")
    page.locator("[name=username]").fill("admin")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    expect(page.locator("text=The live model")).to_be_visible()
    expect(page.locator(".v-meter").first).to_be_visible()
    shoot(page, "admin-home")

    page.goto(f"{shop.url}/admin/modelops/modelversion/")
    expect(page.locator("#result_list tbody tr, table tbody tr").first).to_be_visible()
    shoot(page, "model-versions")

    draft = "effect=pin&products=P0100&position=2"
    page.goto(f"{shop.url}/portal/preview?subject=shopper-0001&placement=home&{draft}")
    expect(page.locator(".v-slate")).to_have_count(2)
    expect(page.get_by_text("your draft: pinned at 2", exact=True)).to_be_visible()
    shoot(page, "preview")

    page.goto(f"{shop.url}/portal/customers/user:shopper-0001")
    expect(page.locator("#content h2", has_text="What happened")).to_be_visible()
    shoot(page, "customer")
