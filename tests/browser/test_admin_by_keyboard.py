"""The admin by keyboard and screen reader: menus open by keys, and all buttons have names."""

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

PHONE = {"width": 375, "height": 812}
NAMELESS = """() => [...document.querySelectorAll('#page a, #page button, #page [role=button]')].filter((one) => {
  const said = one.cloneNode(true);
  said.querySelectorAll('[aria-hidden=true]').forEach((hidden) => hidden.remove());
  return !(one.ariaLabel || one.title || said.textContent).trim() && !said.querySelector('img[alt]');
}).map((one) => one.outerHTML)"""


def test_the_menus_open_by_keys_on_a_phone(ada: Page) -> None:
    ada.set_viewport_size(PHONE)  # type: ignore[arg-type]
    placements = ada.get_by_role("link", name="Placements", exact=True)
    expect(placements).to_be_hidden()

    ada.get_by_role("button", name="Menu").press("Enter")
    ada.get_by_role("button", name="More", exact=True).press("Enter")
    ada.get_by_role("button", name="ada", exact=False).press("Space")

    expect(placements).to_be_visible()
    expect(ada.get_by_role("link", name="Customer links")).to_be_visible()
    expect(ada.get_by_role("button", name="Log out")).to_be_visible()
    ada.get_by_role("button", name="Dark").press("Enter")
    assert "dark" in ada.evaluate("() => document.documentElement.className")
    ada.get_by_role("button", name="Close the menu").press("Enter")
    expect(placements).to_be_hidden()


@pytest.mark.parametrize("address", ["", "personalization/placement/", "catalog/product/", "access/user/"])
def test_every_page_has_a_main_part_and_names_what_is_clicked(ada: Page, live_server: LiveServer, address: str) -> None:
    ada.goto(f"{live_server.url}/admin/{address}")

    expect(ada.get_by_role("main")).to_have_count(1)
    assert ada.evaluate(NAMELESS) == []
