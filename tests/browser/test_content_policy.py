"""Chromium finds nothing on our pages that their Content-Security-Policy forbids, and obeys it."""

from typing import Literal

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from tests.browser.conftest import Shop
from tests.browser.test_accessibility import barred

STAFF = (
    "/admin/",
    "/admin/access/apikey/",
    "/admin/access/apikey/add/",
    "/admin/catalog/product/",
    "/admin/catalog/product/add/",
    "/admin/catalog/product/import/",
    "/admin/personalization/placement/",
    "/admin/personalization/rule/add/",
    "/admin/modelops/trainingrun/",
    "/admin/modelops/modelversion/",
    "/admin/events/setaside/",
    "/portal/preview",
)
PUBLIC = ("/", "/admin/login/", "/api/docs", "/shop/", "/shop/products/P0001", "/shop/login", "/nowhere")


def test_no_page_breaks_its_policy(shop: Shop, page: Page, violations: list[str]) -> None:
    from demo.setup import PASSWORD

    for path in PUBLIC:
        page.goto(f"{shop.url}{path}", wait_until="networkidle")
    page.goto(f"{shop.url}/admin/login/")
    page.locator("[name=username]").fill("admin")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url(f"{shop.url}/admin/")
    for path in STAFF:
        answer = page.goto(f"{shop.url}{path}", wait_until="networkidle")
        assert answer is not None, path
        assert answer.status == 200, path

    assert violations == []


def test_docs_are_drawn(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.url}/api/docs")

    page.locator(".opblock").first.wait_for()
    expect(page.locator(".demo-key")).to_contain_text("pk_demo")
    page.get_by_text("Answer what to show at a placement", exact=True).click()
    page.locator(".opblock.is-open .try-out__btn").wait_for()
    authorized = "() => Object.keys(ui.authSelectors.authorized().toJS())"
    page.wait_for_function(f"{authorized.removeprefix('() => ')}.includes('header')")


def test_the_docs_of_the_demo_write_a_product_with_its_secret_key(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.url}/api/docs")
    page.locator(".opblock").first.wait_for()
    page.get_by_role("button", name="Send sk_demo").click()
    page.get_by_text("Make the product what the body says", exact=True).click()
    block = page.locator(".opblock.is-open")
    block.locator(".try-out__btn").click()
    block.locator("input[placeholder=product_id]").fill("P9001")
    block.locator(".execute").click()

    expect(block.locator(".live-responses-table .response .response-col_status").first).to_contain_text("201")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_labels_of_examples_and_inputs_are_readable_on_a_phone(
    shop: Shop, page: Page, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{shop.url}/api/docs")
    page.locator(".opblock").first.wait_for()
    page.get_by_text("Accept one event (track)", exact=True).click()
    label = page.locator(".opblock.is-open .examples-select__section-label").first
    light = "(one) => getComputedStyle(one).color.match(/\\d+/g).slice(0, 3).every((part) => part > 180)"
    assert label.evaluate(light) is (scheme == "dark")
    page.get_by_text("Answer what to show at a placement", exact=True).click()
    page.locator(".opblock.is-open .try-out__btn").last.click()

    width = page.locator("input[placeholder=placement]").evaluate("(one) => one.getBoundingClientRect().width")
    assert width > 250


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_docs_are_readable_in_light_and_dark(shop: Shop, page: Page, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{shop.url}/api/docs")
    page.locator(".opblock").first.wait_for()

    assert page.evaluate("document.documentElement.classList.contains('dark-mode')") is (scheme == "dark")
    # Swagger UI's own markup nests a button in a button.
    assert [one for one in barred(page) if not one.startswith("nested-interactive")] == []


def test_a_strangers_script_does_not_run(shop: Shop, page: Page, violations: list[str]) -> None:
    page.goto(shop.home)
    page.evaluate(
        "() => { const it = document.createElement('script'); it.textContent = 'window.stolen = 1';"
        " document.body.append(it) }"
    )

    assert page.evaluate("() => window.stolen") is None
    assert len(violations) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("path", PUBLIC)
def test_every_page_has_a_policy(client: Client, path: str) -> None:
    policy = client.get(path)["Content-Security-Policy"]

    assert policy.startswith(("default-src 'self'", "default-src 'none'"))
    assert ("unsafe-eval" in policy) is path.startswith("/admin/")
