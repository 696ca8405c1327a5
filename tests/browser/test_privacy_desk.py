"""A compliance officer's walk: finds a person, has the identity proven, erases with a receipt, sees deadlines."""

import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from unittest import mock

import pytest
from django.db import transaction
from playwright.sync_api import Browser, Page, expect

from audit.signing import create_key
from common import clock
from common.pseudonyms import pseudonym, subject_pseudonym
from consents.models import PolicyText, PrivacyRequest
from consents.services import decide_for, fulfilment
from consents.services.requests import open_request
from customers.models import Customer, CustomerLink
from customers.services import StatedTraits, apply_traits
from customers.shop_ids import keep_ids, newly_sealed
from tests.browser.conftest import Shoot, Shop
from tests.browser.test_accessibility import barred, too_wide
from tests.browser.test_staff_walks import signed_in


@pytest.fixture(autouse=True)
def no_worker() -> Iterator[None]:
    """No broker: the test is the worker."""
    with mock.patch("celery.current_app.send_task"):
        yield


def work() -> None:
    PrivacyRequest.objects.exclude(next_attempt_at=None).update(next_attempt_at=clock.now())
    fulfilment.work_on_due()


def settled(page: Page) -> None:
    """Let the worker do its part, and look again."""
    work()
    page.goto(page.url)


def looks_up_consent(page: Page, shoot: Shoot) -> None:
    """From the customer's page see what consent said, over the account and its device, and come back."""
    on_date = page.get_by_role("link", name="On another date")
    expect(on_date).to_be_visible()
    customer = page.url
    on_date.click()
    expect(page.locator("#person")).to_contain_text("anonymous:phone")
    row = page.locator("#answers tr", has_text="personalization, version 1")
    expect(row).to_contain_text("not allowed")
    expect(row).to_contain_text("anonymous:phone")
    row.locator("summary").click()
    expect(row).to_contain_text("We look at what you look at.")
    shoot(page, "consent-on-date")
    assert barred(page) == []
    assert too_wide(page) == []
    page.set_viewport_size({"width": 1280, "height": 900})
    page.locator("[name=at]").fill("2999-01-01 00:00")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("This time is in the future")).to_be_visible()
    page.locator("[name=at]").fill("2020-01-01 00:00")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#proofs")).to_contain_text("None.")
    page.get_by_role("link", name="All consent proof").click()
    page.locator("#searchbar, [name=q]").last.fill("phone")
    page.keyboard.press("Enter")
    expect(page.locator("#result_list")).to_contain_text("user:lovelace")
    page.goto(customer)


@pytest.fixture
def ada_lovelace(shop: Shop) -> None:
    """A shopper with an address, decisions, and an old request of somebody else."""
    create_key()
    keep_ids(newly_sealed(["lovelace", "phone", "bo"]))
    lovelace, bo = subject_pseudonym("user:lovelace"), subject_pseudonym("user:bo")
    stated = {"email": "lovelace@example.com", "first_name": "Ada", "city": "London"}
    with transaction.atomic():
        apply_traits([StatedTraits(lovelace, clock.epoch_us(), "m1", stated, True)])
    decide_for(lovelace, decisions={"personalization": True}, actor="test", source="banner")
    PolicyText.objects.create(version="3", body="We look at what you look at.")
    CustomerLink.objects.create(
        kind="claim",
        from_id=pseudonym("phone"),
        user_id=pseudonym("lovelace"),
        at=clock.now() - timedelta(days=1),
        message_id="m2",
    )
    refusal = {"personalization": False}
    decide_for(
        subject_pseudonym("anonymous:phone"), decisions=refusal, actor="test", source="banner", policy_version="3"
    )
    late = open_request(bo, kind="access", regime="ccpa", actor="staff:1", contact="bo@example.com")
    PrivacyRequest.objects.filter(pk=late.pk).update(due_on=clock.now().date() - timedelta(days=3))


def test_an_officer_erases_a_shopper_with_a_receipt(
    shop: Shop, page: Page, chromium: Browser, ada_lovelace: None, violations: list[str], shoot: Shoot
) -> None:
    signed_in(page, shop, "compliance officer")
    expect(page.get_by_text("3 days overdue")).to_be_visible()
    shoot(page, "privacy-home")

    page.get_by_role("link", name="Find a customer").click()
    page.locator("#q, [name=q]").last.fill("lovelace")
    page.keyboard.press("Enter")
    looks_up_consent(page, shoot)
    page.get_by_role("link", name="Open a privacy request").click()
    expect(page.locator("[name=subject]")).to_have_value("user:lovelace")
    page.locator("[name=kind]").select_option("erasure")
    page.locator("[name=contact]").fill("lovelace@example.com")
    shoot(page, "privacy-intake")
    page.locator("[name=_save]").click()

    expect(page.get_by_text("not proven", exact=True)).to_be_visible()
    expect(page.locator("#answer")).to_contain_text("First it must be proven")
    expect(page.locator(".v-facts", has_text="Deadline")).to_contain_text("days left")
    page.get_by_role("button", name="Make a one-time link").click()
    message = page.get_by_text("/privacy/confirm/").inner_text()
    shoot(page, "privacy-link")
    assert too_wide(page) == []
    page.set_viewport_size({"width": 1280, "height": 900})
    shopper = chromium.new_context().new_page()
    shopper.goto(message[message.index("http") :].split()[0])
    shoot(shopper, "privacy-confirm")
    assert barred(shopper) == []
    shopper.get_by_role("button", name="Yes, it was me").click()
    expect(shopper.locator("h1")).to_have_text("Thank you")
    shopper.context.close()

    page.goto(page.url)
    page.get_by_role("button", name="Search all stores").click()
    settled(page)
    expect(page.locator("#stores tr", has_text="customers")).to_contain_text("customers: 1")
    shoot(page, "privacy-searched")
    page.locator("[name=sure]").check()
    page.get_by_role("button", name="Erase", exact=True).click()
    with mock.patch("customers.privacy._rows", side_effect=OSError("connection refused")):
        settled(page)
    expect(page.get_by_role("alert")).to_contain_text("The request stays open: customers failed")
    shoot(page, "privacy-failed")
    page.get_by_role("button", name="Try again now").click()
    settled(page)
    settled(page)
    expect(page.locator(".v-facts", has_text="Status")).to_contain_text("Completed")
    expect(page.locator("#receipt")).to_contain_text("names nobody")
    shoot(page, "privacy-completed")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the receipt").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        content = archive.read("receipt.json")
    assert sha256(content).hexdigest() in page.locator("#receipt").inner_text()
    receipt = json.loads(content)
    assert receipt["status"] == "completed"
    assert "lovelace" not in str(receipt)
    assert not Customer.objects.filter(raw_id=subject_pseudonym("user:lovelace")).exists()

    assert barred(page) == []
    assert too_wide(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.evaluate("document.documentElement.classList.add('dark')")
    shoot(page, "privacy-completed-phone-dark")
    page.get_by_role("link", name="All requests").click()
    expect(page.locator("#result_list")).to_be_visible()
    page.evaluate("document.documentElement.classList.add('dark')")
    shoot(page, "privacy-list-phone-dark")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(page.url)
    expect(page.locator("#result_list")).to_contain_text("3 days overdue")
    shoot(page, "privacy-list")
    assert violations == []
