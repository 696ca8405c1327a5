"""A merchandiser builds a rule with pickers and a live check, previews it, publishes it, and undoes it."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page, expect

from common import clock
from common.demo_keys import PUBLIC_KEY
from customers.models import Customer
from personalization.models import Rule
from tests.browser.conftest import Shoot, Shop
from tests.browser.test_accessibility import FITS, barred
from tests.personalization.trials.served import served

ADD = "/admin/personalization/rule/add/"


@pytest.fixture
def users(shop: Shop) -> None:
    """Three hundred users, of whom twenty are asked what they would see."""
    Customer.objects.bulk_create(Customer(raw_id=f"user:u{number}") for number in range(300))


def first_title(shop: Shop, page: Page) -> str:
    """Return the title of the first product of the demo shop's home list."""
    page.goto(f"{shop.url}/portal/preview?placement=home")
    return page.locator(".v-slate strong").first.inner_text()


def test_pickers_and_check_while_a_rule_is_written(users: None, shop: Shop, ada: Page, shoot: Shoot) -> None:
    title = first_title(shop, ada)
    ada.goto(shop.url + ADD)
    ada.fill("[name=name]", "Not this")
    ada.select_option("[name=effect]", "exclude")

    products = ada.get_by_role("combobox", name="Products", exact=True)
    products.press_sequentially(title.split(",")[0])
    ada.locator(".v-offers [role=option]").first.wait_for()
    products.press("ArrowDown")
    products.press("Enter")

    expect(ada.locator("[data-matched]")).to_contain_text("Matches 1 product")
    expect(ada.locator("[data-matched]")).to_contain_text("of 20 shoppers", timeout=15_000)
    expect(ada.locator("[data-check-summary]")).to_contain_text("of 20 shoppers")
    expect(ada.get_by_text("Save publishes at once.")).to_be_visible()
    expect(products).to_have_value("")
    expect(ada.get_by_role("button", name="Remove", exact=False)).to_have_count(1)
    ada.get_by_role("combobox", name="Placements").fill("ho")
    ada.locator(".v-offers [role=option]", has_text="home").first.click()
    expect(ada.locator("[data-sentence]")).to_have_text(
        f"Never show: products {title} ({ada.locator('[name=products]').input_value()}); on home."
    )
    expect(ada.get_by_text(f"Disappears: {title}")).to_be_visible()
    shoot(ada, "rule-builder")
    assert barred(ada) == []
    ada.get_by_role("button", name="Save", exact=True).click()

    expect(ada.locator("#result_list")).to_contain_text("Not this")
    version = Rule.objects.get().current
    assert version is not None
    assert (len(version.products), version.placements) == (1, ["home"])


def test_a_list_is_still_typed_by_hand(users: None, shop: Shop, ada: Page) -> None:
    ada.goto(shop.url + ADD)
    ada.select_option("[name=effect]", "exclude")

    products = ada.get_by_role("combobox", name="Products", exact=True)
    products.press_sequentially('P0001, "Not, the')
    expect(ada.locator(".v-picker li", has_text="P0001")).to_have_count(1)
    expect(ada.locator(".v-picker .warn")).to_have_count(0)  # half a name is no alarm
    products.press_sequentially('re"')
    products.press("Enter")

    expect(ada.locator(".v-picker .warn")).to_contain_text("Not, there")
    expect(ada.locator("[data-result=check]")).to_contain_text(
        "There is no product Not, there in the catalog", timeout=15_000
    )
    ada.get_by_role("button", name="Remove Not, there").click()
    expect(ada.locator("[name=products]")).to_have_value("P0001")
    ada.fill("[name=name]", "By hand")
    ada.locator("[name=name]").press("Enter")
    expect(ada.locator("#result_list")).to_contain_text("By hand")


def test_the_form_shows_the_fields_of_the_kind_and_fills_dates(users: None, shop: Shop, ada: Page) -> None:
    ada.goto(shop.url + ADD)
    fields = {name: ada.locator(f"[name={name}]") for name in ("position", "factor", "cap", "cap_by")}
    for kind, own in (("pin", {"position"}), ("boost", {"factor"}), ("cap", {"cap", "cap_by"}), ("exclude", set())):
        ada.select_option("[name=effect]", kind)
        assert {name for name, field in fields.items() if field.is_visible()} == own, kind

    ada.fill("[name=starts_at_0]", "2026-12-24")
    ada.fill("[name=starts_at_1]", "08:00:00")
    ada.get_by_role("button", name="for one week").click()

    assert [ada.locator(f"[name=ends_at_{part}]").input_value() for part in (0, 1)] == ["2026-12-31", "08:00:00"]
    expect(ada.get_by_role("heading", name="New rule")).to_be_visible()


def test_a_changed_list_is_opened_with_the_draft(users: None, shop: Shop, ada: Page) -> None:
    product = products_of_home(shop)[0]
    ada.goto(f"{shop.url}{ADD}?effect=exclude&products={product}&placements=home")
    with ada.context.expect_page() as opened:
        ada.get_by_role("link", name="shopper 1 on home").click(timeout=15_000)
    opened.value.wait_for_load_state()

    expect(opened.value.get_by_role("heading", name="With the draft rule")).to_be_visible()
    slates = opened.value.locator(".v-slate")
    expect(slates.nth(0)).to_contain_text(product)
    expect(slates.nth(1)).not_to_contain_text(product)


def test_without_its_scripts_a_button_opens_the_check(users: None, shop: Shop, ada: Page) -> None:
    ada.route("**/static/personalization/*.js", lambda route: route.abort())
    ada.goto(shop.url + ADD)
    ada.select_option("[name=effect]", "exclude")
    ada.fill("[name=products]", "P0001")  # without the script it is a field of text

    with ada.context.expect_page() as opened:
        ada.get_by_role("button", name="Check the draft").click()

    expect(opened.value.locator("[data-matched]")).to_contain_text("Matches 1 product")


def products_of_home(shop: Shop) -> list[str]:
    """Ask the API for the home list."""
    request = Request(f"{shop.url}/api/v1/recommendations/home", headers={"Authorization": f"Bearer {PUBLIC_KEY}"})
    return [item["product_id"] for item in json.loads(urlopen(request).read())["items"]]


def seconds_until(state: Callable[[], bool]) -> float:
    """Return how long it takes until the state holds; fail after two seconds."""
    start = time.monotonic()
    while not state():
        assert time.monotonic() - start < 2
        time.sleep(0.02)
    return time.monotonic() - start


def test_a_merchandiser_builds_previews_replays_publishes_and_undoes(
    users: None, shop: Shop, ada: Page, shoot: Shoot
) -> None:
    before = products_of_home(shop)
    served(12, at=clock.now().replace(hour=12) - timedelta(days=1))
    product = before[0]

    ada.goto(shop.url + ADD)
    ada.fill("[name=name]", "Not this week")
    ada.select_option("[name=effect]", "exclude")
    ada.get_by_role("combobox", name="Products", exact=True).press_sequentially(product)
    ada.locator(".v-offers [role=option]").first.click()
    ada.get_by_role("combobox", name="Placements").fill("home")
    ada.get_by_role("combobox", name="Placements").press("Enter")
    expect(ada.locator("[data-matched]")).to_contain_text("Changes the lists of 20 of 20 shoppers", timeout=15_000)

    with ada.context.expect_page() as opened:
        ada.get_by_role("button", name="Preview it").click()
    preview = opened.value
    preview.wait_for_load_state()
    expect(preview.get_by_role("heading", name="With the draft rule")).to_be_visible()
    slates = preview.locator(".v-slate")
    expect(slates.nth(0)).to_contain_text(product)
    expect(slates.nth(1)).not_to_contain_text(product)
    assert "csrf" not in preview.url
    shoot(preview, "rule-walk-preview")
    preview.close()

    ada.get_by_role("button", name="Replay yesterday").click()
    expect(ada.locator("[data-replayed]")).to_contain_text("Of 12 requests", timeout=15_000)
    expect(ada.locator("[data-replayed]")).to_contain_text("it changes 12 lists")
    shoot(ada, "rule-walk-replay")
    assert barred(ada) == []
    assert products_of_home(shop) == before, "nothing is live before it is saved"

    ada.get_by_role("button", name="Save and continue editing").click()
    ada.wait_for_url("**/change/")
    assert seconds_until(lambda: product not in products_of_home(shop)) < 2
    ada.get_by_role("link", name="Undo the last change").click()
    ada.get_by_role("button", name="Undo").click()
    expect(ada.locator("body")).to_contain_text("Undone. The rule is what it was before, as a new version. It is off.")
    assert seconds_until(lambda: products_of_home(shop) == before) < 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_preview_of_a_persona_is_readable(shop: Shop, ada: Page, shoot: Shoot, scheme: str) -> None:
    ada.goto(f"{shop.url}/portal/preview?placement=home&clicks=P0001,P0002&effect=boost&brands=Nord&factor=3")
    if scheme == "dark":
        ada.evaluate("document.documentElement.classList.add('dark')")

    expect(ada.get_by_text("An invented persona: nobody is behind it.")).to_be_visible()
    expect(ada.get_by_role("link", name="Save as a rule")).to_be_visible()
    expect(ada.locator(".v-picker .v-tiles li").first).to_be_visible()
    for width in (360, 1280):
        ada.set_viewport_size({"width": width, "height": 900})
        shoot(ada, f"preview-persona-{scheme}-{width}")
        assert ada.evaluate(FITS)
    assert barred(ada) == []
