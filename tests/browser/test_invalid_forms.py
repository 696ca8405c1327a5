"""An invalid form shows its errors at the fields, also to screen readers, and keeps the input."""

import re

import pytest
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

LOST = """() => [...document.querySelectorAll('#page [aria-describedby]')].flatMap(
  (one) => one.getAttribute('aria-describedby').split(' ').filter((id) => !document.getElementById(id)))"""


def test_invalid_rule_focuses_its_field_and_keeps_the_form(live_server: LiveServer, ada: Page) -> None:
    ada.goto(f"{live_server.url}/admin/personalization/rule/add/")
    assert ada.evaluate(LOST) == []
    ada.fill("[name=name]", "Christmas")
    day, hour = ada.get_by_role("textbox", name="From: Date"), ada.get_by_role("textbox", name="From: Time")
    day.fill("the first of May")
    hour.fill("12:00")

    ada.get_by_role("button", name="Save", exact=True).click()

    expect(ada.get_by_role("alert")).to_contain_text("Please correct")
    expect(day).to_be_focused()
    expect(day).to_have_accessible_description("In UTC, as all times on these pages. Write the date as 2026-12-31.")
    expect(day).to_have_value("the first of May")
    expect(hour).to_have_value("12:00")
    expect(ada.locator("[name=name]")).to_have_value("Christmas")
    assert ada.evaluate(LOST) == []


@pytest.mark.parametrize(
    ("address", "name", "why"),
    [
        ("admin/modelops/trainingrun/train/", "minutes", "Ensure this value is less than or equal to 1440."),
        ("admin/password_change/", "old_password", "This field is required."),
    ],
)
def test_invalid_field_has_a_description(live_server: LiveServer, ada: Page, address: str, name: str, why: str) -> None:
    ada.goto(f"{live_server.url}/{address}")
    field = ada.locator(f"[name={name}]")
    ada.evaluate("() => document.querySelectorAll('form').forEach((one) => { one.noValidate = true; })")
    if name == "minutes":
        field.fill("9999")

    ada.locator("#page #content form [type=submit]").click()

    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(why)


def test_late_script_keeps_focus_on_the_invalid_field(live_server: LiveServer, ada: Page) -> None:
    ada.goto(f"{live_server.url}/admin/access/apikey/add/")
    ada.fill("[name=name]", "Storefront")
    ada.select_option("[name=kind]", "pk")
    ada.fill("[name=origins]", "https://*.shop.example")
    late: list[Route] = []  # Django's own script, which goes to the first field of all
    ada.route("**/change_form.js", lambda route: late.append(route))

    ada.get_by_role("button", name="Save", exact=True).click()
    expect(ada.locator("[name=origins]")).to_be_focused()
    late[0].continue_()
    ada.wait_for_load_state("load")

    expect(ada.locator("[name=origins]")).to_be_focused()


def test_preview_focuses_the_invalid_field(live_server: LiveServer, ada: Page) -> None:
    ada.goto(f"{live_server.url}/portal/preview?placement=home&effect=cap&cap=-1")

    cap = ada.locator("[name=cap]")
    expect(cap).to_be_focused()
    expect(cap).to_have_accessible_description(re.compile("At most: Ensure this value is greater than or equal to 0."))


def test_save_message_is_announced(live_server: LiveServer, ada: Page) -> None:
    ada.goto(f"{live_server.url}/admin/access/apikey/add/")
    ada.fill("[name=name]", "Storefront")

    ada.get_by_role("button", name="Save", exact=True).click()

    expect(ada.get_by_role("alert")).to_contain_text("Storefront")
