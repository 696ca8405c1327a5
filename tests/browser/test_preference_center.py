"""The consent banner and the preference center of the snippet, on the demo shop's pages."""

import json
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from audit import signing
from common import clock, redis
from common.pseudonyms import subject_pseudonym
from consents import verify_consent
from consents.cache import link
from consents.models import PolicyText
from consents.services import decide_for
from tests.browser.conftest import Shoot, Shop
from tests.browser.test_accessibility import barred, too_wide
from tests.browser.test_shop import DRAWN, NO, YES, soon, stored

CENTER = "vitrine-consent dialog"
OPTIONAL = ["analytics", "personalization", "cross_device", "train_models", "experiments", "crm_sync", "ads_share"]


def open_center(page: Page) -> None:
    page.get_by_role("button", name="Privacy choices").click()
    expect(page.locator(CENTER)).to_be_visible()
    expect(page.locator(f"{CENTER} [name=ads_share]")).to_be_visible()


def answers(page: Page) -> dict[str, str]:
    """Return what the center says of each purpose."""
    rows = page.locator(f"{CENTER} li").all()
    return {row.locator("input").get_attribute("name") or "": row.locator(".now").inner_text() for row in rows}


def events_of(page: Page) -> list[Any]:
    """Return the details of each `consentchange` since the page was opened."""
    return list(page.evaluate("() => window.changes"))


def test_each_purpose_is_answered_in_the_center(
    open_shop: Shop, page: Page, violations: list[str], shoot: Shoot
) -> None:
    PolicyText.objects.create(version="3", body="We count what is looked at.\n\nAnd nothing else.")
    page.add_init_script(
        "window.changes = []; document.addEventListener('consentchange', (e) => changes.push(e.detail))"
    )
    page.goto(open_shop.product("P0001"))
    page.wait_for_selector(DRAWN)
    shoot(page, "consent-banner")
    buttons = [page.locator(f"vitrine-consent .banner button >> nth={at}").bounding_box() for at in range(3)]
    assert len({(round(box["width"]), round(box["height"])) for box in buttons if box}) == 1

    page.get_by_role("button", name="Choose").press("Enter")
    expect(page.locator(f"{CENTER} [name=ads_share]")).to_be_visible()
    assert set(answers(page)) == {"essential", *OPTIONAL}
    assert {text for name, text in answers(page).items() if name != "essential"} == {"No answer yet: off."}
    expect(page.locator(f"{CENTER} pre")).to_contain_text("And nothing else.")
    assert barred(page) == []
    for name in ("analytics", "personalization"):
        page.locator(f"{CENTER} [name={name}]").press("Space")
    page.get_by_role("button", name="Save choices").press("Enter")

    expect(page.locator(f"{CENTER} .status")).to_have_text("Saved. This is what holds now.")
    assert {name: text[:3] for name, text in answers(page).items() if name != "essential"} == {
        name: "Yes" if name in {"analytics", "personalization"} else "No," for name in OPTIONAL
    }
    shoot(page, "consent-center")
    expect(page.locator(YES)).to_be_hidden()
    (change,) = events_of(page)
    assert change["decisions"]["analytics"] is True
    assert change["decisions"]["ads_share"] is False
    assert json.loads(stored(page)["vitrine.consent"])["policy_version"] == "3"
    page.keyboard.press("Escape")
    expect(page.locator(CENTER)).to_be_hidden()
    expect(page.get_by_role("button", name="Privacy choices")).to_be_visible()

    ada = subject_pseudonym("user:ada")
    device = f"anonymous:{page.evaluate('vitrine.visitor()')}"
    decide_for(ada, decisions={"personalization": False}, actor="test", source="another device")
    link(redis.client(), subject_pseudonym(device), ada, clock.epoch_us())
    open_center(page)
    expect(page.locator("#now-personalization")).to_contain_text("No: refused on another of your devices")
    page.get_by_role("button", name="Refuse all").click()
    expect(page.locator("#now-analytics")).to_contain_text("No, since")
    signing.create_key()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the receipt").click()
    assert verify_consent.main([str(download.value.path())]) == 0
    assert json.loads(download.value.path().read_text())["receipt"]["subject"] == device
    assert list(stored(page)) == ["vitrine.consent"]
    assert violations == []


def test_the_privacy_signal_is_shown_as_honored(shop: Shop, visitor: BrowserContext, page: Page, shoot: Shoot) -> None:
    visitor.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    visitor.set_extra_http_headers({"Sec-GPC": "1"})
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.goto(shop.home)
    page.wait_for_selector(DRAWN)

    open_center(page)

    expect(page.locator(f"{CENTER} [data-gpc]")).to_contain_text("(Global Privacy Control) was honored")
    assert {text for name, text in answers(page).items() if name != "essential"} == {"No: a privacy signal says so."}
    assert page.locator(f"{CENTER} input:enabled").count() == 0
    expect(page.get_by_role("button", name="Allow all")).to_be_hidden()
    shoot(page, "consent-center-gpc-phone-dark")
    assert barred(page) == []
    assert too_wide(page) == []
    assert stored(page) == {}


def test_an_unreachable_list_still_lets_the_shopper_refuse(shop: Shop, visitor: BrowserContext, page: Page) -> None:
    page.goto(shop.home)
    page.locator(YES).click()
    page.wait_for_selector("body[data-drawn='2']")
    visitor.route("**/api/v1/consent*", lambda route: route.abort())

    page.get_by_role("button", name="Privacy choices").click()
    expect(page.locator(f"{CENTER} .status")).to_contain_text("cannot be reached")
    page.get_by_role("button", name="Refuse all").click()

    expect(page.locator("#now-train_models")).to_contain_text("No, since")
    assert page.evaluate("vitrine.allowed('analytics')") is False


CONSENT_MODE = """() => {
  vitrine.init({key: document.body.dataset.key, host: "", consentMode: true});
  return dataLayer.map((entry) => [Object.prototype.toString.call(entry), ...entry]);
}"""
FREE = {"functionality_storage": "granted", "security_storage": "granted"}
DENIED = {
    **dict.fromkeys(("ad_storage", "ad_user_data", "ad_personalization"), "denied"),
    **dict.fromkeys(("analytics_storage", "personalization_storage"), "denied"),
    **FREE,
}


@pytest.mark.parametrize("gpc", [False, True])
def test_consent_mode_has_a_default_before_each_update(
    shop: Shop, visitor: BrowserContext, page: Page, gpc: bool
) -> None:
    visitor.route("**/shop/shop*.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    if gpc:
        visitor.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    page.goto(shop.home)

    assert page.evaluate(CONSENT_MODE) == [["[object Arguments]", "consent", "default", DENIED]]
    page.evaluate("vitrine.consent({analytics: true, personalization: true, ads_share: false})")
    page.evaluate("vitrine.consent({analytics: false, personalization: true, ads_share: true})")

    updates = page.evaluate("() => dataLayer.slice(1).map((entry) => [...entry])")
    some = {**DENIED, "analytics_storage": "granted", "personalization_storage": "granted"}
    ads = dict.fromkeys(("ad_storage", "ad_user_data", "ad_personalization", "personalization_storage"), "granted")
    expected = [DENIED, DENIED] if gpc else [some, {**DENIED, **ads}]
    assert updates == [["consent", "update", one] for one in expected]
    page.goto(shop.product("P0001"))
    entries = page.evaluate(CONSENT_MODE)
    assert [one[1:3] for one in entries] == [["consent", "default"], ["consent", "update"]]
    assert (entries[0][3], entries[1][3]) == (DENIED, expected[-1])


def test_without_consent_mode_nothing_is_pushed(shop: Shop, page: Page) -> None:
    page.goto(shop.home)
    page.locator(NO).click()
    soon(page, lambda: "vitrine.consent" in stored(page))

    assert page.evaluate("window.dataLayer") is None
