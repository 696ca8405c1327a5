"""The form of a key shows the fields of the chosen kind, and its page keeps what was chosen."""

from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from access.models import ApiKey


def test_fields_follow_the_kind_and_scopes_stay(live_server: LiveServer, ada: Page) -> None:
    ada.goto(f"{live_server.url}{reverse('admin:access_apikey_add')}")
    scopes, origins = ada.locator("[name=scopes]").first, ada.locator("[name=origins]")
    expect(origins).to_be_visible()
    expect(scopes).to_be_hidden()
    ada.select_option("[name=kind]", "sk")
    expect(origins).to_be_hidden()
    expect(scopes).to_be_visible()
    ada.fill("[name=name]", "server")
    ada.locator("[name=scopes][value='catalog:write']").check()
    ada.get_by_role("button", name="Save", exact=True).click()
    ada.get_by_role("button", name="Copy").click()
    expect(ada.locator("[data-copy]")).to_contain_text("Copied")

    key = ApiKey.objects.get()
    assert key.scopes == ["catalog:write"]
    ada.goto(f"{live_server.url}{reverse('admin:access_apikey_change', args=[key.pk])}")
    expect(ada.locator("[name=scopes][value='catalog:write']")).to_be_checked()
    expect(ada.locator("[name=scopes][value='catalog:read']")).not_to_be_checked()
    expect(ada.locator("[name=origins]")).to_have_count(0)
