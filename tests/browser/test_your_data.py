"""A shopper reads their own page and leaves: on a desktop and a phone, in light and dark, without a manual."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from audit.receipts import public_key
from audit.signing import create_key
from common import clock
from common.pseudonyms import subject_pseudonym
from consents.models import PrivacyRequest
from consents.selectors import person, verdicts
from consents.services import fulfilment
from customers.selectors import identity_of
from events.own_events import shown_lists
from personalization.serving.exposures import exposures
from tests.browser.conftest import Shoot, Shop
from tests.browser.test_accessibility import barred, too_wide
from tests.browser.waiting import until

PHONE, DESKTOP = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=900)


@pytest.fixture(autouse=True)
def no_worker() -> Iterator[None]:
    """No broker: the test is the worker."""
    with mock.patch("celery.current_app.send_task"):
        yield


def stored(page: Page, name: str) -> str | None:
    value: str | None = page.evaluate("(name) => localStorage.getItem(name)", f"vitrine.{name}")
    return value


def looked_at(page: Page, shoot: Shoot, name: str) -> None:
    """Look at the page as axe does, in light and dark, at all widths; take the pictures that people look at."""
    assert barred(page) == []
    page.emulate_media(color_scheme="dark")
    assert barred(page, "color-contrast") == []
    shoot(page, f"{name}-dark")
    page.emulate_media(color_scheme="light")
    assert too_wide(page) == []
    page.set_viewport_size(PHONE)
    shoot(page, f"{name}-phone")
    page.set_viewport_size(DESKTOP)
    shoot(page, name)


def test_a_shopper_reads_their_page_and_leaves(
    open_shop: Shop, page: Page, violations: list[str], shoot: Shoot, tmp_path: Path
) -> None:
    create_key()
    page.goto(f"{open_shop.url}/shop/login")
    page.locator("[data-vitrine-consent=yes]").click()
    page.locator("#user_id").fill("ada")
    page.locator(".other button").click()
    page.goto(open_shop.product("P0001"))
    page.locator("body[data-drawn]").wait_for()
    page.goto(open_shop.home)
    page.locator("body[data-drawn]").wait_for()
    exposures.flush()
    until(lambda: shown_lists(identity_of(subject_pseudonym("user:ada"), now=clock.now()), limit=1))

    page.get_by_role("button", name="Your data").click()
    expect(page.locator("h1")).to_have_text("Your data")
    assert page.url == f"{open_shop.url}/privacy/me"
    expect(page.get_by_text("What you did in the shop")).to_be_visible()
    page.get_by_text("What you did in the shop").click()
    expect(page.get_by_text("You looked at").first).to_be_visible()
    expect(page.get_by_text("What we showed you last")).to_be_visible()
    expect(page.locator(".products li").first).to_be_visible()
    looked_at(page, shoot, "your-data")

    page.get_by_role("button", name="Withdraw: Showing what fits you").click()
    expect(page.get_by_role("status")).to_contain_text("is off from now on")
    assert not verdicts(person(subject_pseudonym("user:ada")), region=None)["personalization"].allowed
    assert '"personalization":false' in (stored(page, "consent") or ""), "the shop's pages follow"

    with page.expect_download() as download:
        page.get_by_role("button", name="Download my data").click()
    download.value.save_as(tmp_path / "data.zip")
    with zipfile.ZipFile(tmp_path / "data.zip") as archive:
        archive.extractall(tmp_path / "data")
    command = [sys.executable, "-I", "-S", "verify_receipt.py", ".", "--key", public_key()]
    assert subprocess.run(command, cwd=tmp_path / "data", check=False, capture_output=True).returncode == 0

    page.get_by_role("link", name="Erase my data").click()
    expect(page.locator("h1")).to_have_text("Erase everything about me?")
    looked_at(page, shoot, "your-data-erase")
    page.get_by_role("button", name="Erase everything about me").click()
    expect(page.locator("h1")).to_have_text("Your data are being erased")
    for _ in range(2):
        PrivacyRequest.objects.update(next_attempt_at=clock.now())
        fulfilment.work_on(PrivacyRequest.objects.get().pk)
    expect(page.locator("h1")).to_have_text("Your data are erased")  # it looks by itself
    expect(page.get_by_text("Orders stay for tax")).to_be_visible()
    looked_at(page, shoot, "your-data-erased")
    assert {name: stored(page, name) for name in ("consent", "visitor", "user")} == dict.fromkeys(
        ("consent", "visitor", "user")
    )

    page.get_by_role("link", name="Back to the shop").click()
    page.get_by_role("button", name="Your data").click()
    expect(page.get_by_text("We do not know who you are")).to_be_visible()
    assert barred(page) == []
    page.goto(f"{open_shop.url}/shop/login")
    page.locator("#user_id").fill("ada")
    page.locator(".other button").click()
    page.get_by_role("button", name="Your data").click()
    expect(page.get_by_text("No store holds anything about you")).to_be_visible()
    page.get_by_role("button", name="Close this page").click()
    expect(page.locator("h1")).to_have_text("Closed")
    assert violations == []
