"""A merchandiser builds a rule with pickers and a live check, previews it, publishes it, and undoes it."""

import pytest
from playwright.sync_api import Page, expect

from customers.models import Customer
from personalization.models import Rule
from tests.browser.conftest import Shoot, Shop
from tests.browser.test_accessibility import barred

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
    expect(ada.locator("[data-matched]")).to_contain_text("of 20 shoppers' lists", timeout=15_000)
    expect(ada.get_by_role("button", name="Remove", exact=False)).to_have_count(1)
    ada.get_by_role("combobox", name="Placements").fill("ho")
    ada.locator(".v-offers [role=option]", has_text="home").first.click()
    expect(ada.locator("[data-sentence]")).to_have_text(
        f"Never show: products {products.input_value().strip(', ')}; on home."
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

    ada.fill("[name=products]", 'P0001, "Not, there"')

    expect(ada.locator(".v-picker .warn")).to_contain_text("Not, there")
    expect(ada.locator("[data-result]")).to_contain_text("There is no product Not, there in the catalog")
    ada.get_by_role("button", name="Remove Not, there").click()
    expect(ada.locator("[name=products]")).to_have_value("P0001")
    ada.fill("[name=name]", "By hand")
    ada.locator("[name=name]").press("Enter")
    expect(ada.locator("#result_list")).to_contain_text("By hand")


def test_without_its_scripts_a_button_opens_the_check(users: None, shop: Shop, ada: Page) -> None:
    ada.route("**/static/personalization/*.js", lambda route: route.abort())
    ada.goto(shop.url + ADD)
    ada.select_option("[name=effect]", "exclude")
    ada.fill("[name=products]", "P0001")

    with ada.context.expect_page() as opened:
        ada.get_by_role("button", name="Check the draft").click()

    expect(opened.value.locator("[data-matched]")).to_contain_text("Matches 1 product")
