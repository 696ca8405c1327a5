"""The demo shop in a real browser: consent, carousels, and a login that merges histories."""

import json
from collections.abc import Callable
from typing import TypeVar

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from common.pseudonyms import pseudonym
from profiles.selectors import read_person
from tests.browser.conftest import Shop
from tests.browser.waiting import until

T = TypeVar("T")
YES = "[data-vitrine-consent=yes]"
NO = "[data-vitrine-consent=no]"
DRAWN = "body[data-drawn]"


def stored(page: Page) -> dict[str, str]:
    """Return the local storage of the page's origin."""
    items: dict[str, str] = page.evaluate("() => ({...localStorage})")
    return items


def collected(requests: list[Request]) -> list[dict[str, str]]:
    """Return all events sent to the collector."""
    bodies = [request.post_data or "{}" for request in requests if "/v1/batch" in request.url]
    return [item for body in bodies for item in json.loads(body)["batch"]]


def visitor_of(page: Page) -> str:
    """Return the visitor's anonymous id."""
    visitor: str = page.evaluate("() => vitrine.visitor()")
    return visitor


def has_looked(anonymous_id: str, product_id: str) -> bool:
    """Return whether the visitor's profile contains the view of the product."""
    history = read_person(anonymous_id=pseudonym(anonymous_id)).history
    return any(one.product_id == product_id for one in history)


def soon(page: Page, question: Callable[[], T]) -> T:
    """Poll until the result is true, while the page keeps running."""

    def attempt() -> T:
        page.wait_for_timeout(50)
        return question()

    return until(attempt)


def test_nothing_is_stored_or_sent_before_consent(shop: Shop, page: Page, requests: list[Request]) -> None:
    page.goto(shop.product("P0001"))
    page.wait_for_selector(DRAWN)
    page.locator("[data-vitrine-add]").click()
    page.goto(shop.home)
    page.wait_for_selector(DRAWN)

    expect(page.locator("[data-vitrine-banner]")).to_be_visible()
    assert stored(page) == {}
    assert collected(requests) == []
    bodies = [json.loads(request.post_data or "{}") for request in requests if request.url.endswith("/api/v1/page")]
    assert bodies
    assert all(body.keys() == {"personalized", "placements"} and not body["personalized"] for body in bodies)

    page.locator(YES).click()

    expect(page.locator("[data-vitrine-banner]")).to_be_hidden()
    soon(page, lambda: collected(requests))
    assert {item["type"] for item in collected(requests)} >= {"page"}
    assert collected(requests)[0]["anonymousId"] == visitor_of(page)


def test_no_product_comes_twice_on_a_page(open_shop: Shop, page: Page) -> None:
    page.goto(open_shop.product("P0001"))
    page.wait_for_selector(DRAWN)

    shown = page.locator("[data-vitrine-item]").evaluate_all("all => all.map((one) => one.dataset.vitrineItem)")

    assert shown
    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize("size", [(390, 844), (1280, 720)])
def test_the_banner_leaves_name_and_price_in_sight(shop: Shop, page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(shop.product("P0001"))
    page.wait_for_selector(DRAWN)
    banner = page.locator("[data-vitrine-banner]").bounding_box()
    assert banner is not None

    for part in ("h1", ".amount"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= banner["y"]


def test_focused_elements_are_not_behind_the_banner(shop: Shop, page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 667})
    page.goto(shop.product("P0001"))
    page.wait_for_selector(DRAWN)
    question = page.locator("[data-vitrine-banner]").bounding_box()
    assert question is not None

    for button in (page.locator("[data-vitrine-add]"), page.get_by_role("button", name="Privacy choices")):
        page.evaluate("() => scrollTo(0, 0)")
        button.focus()
        box = button.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= question["y"]


def test_refusal_is_the_only_stored_value(shop: Shop, page: Page, requests: list[Request]) -> None:
    page.goto(shop.home)
    page.wait_for_selector(DRAWN)

    page.locator(NO).click()
    page.goto(shop.product("P0002"))
    page.wait_for_selector(DRAWN)

    expect(page.locator("[data-vitrine-banner]")).to_be_hidden()
    assert list(stored(page)) == ["vitrine.consent"]
    assert collected(requests) == []
    page.goto(shop.home)
    page.wait_for_selector(DRAWN)
    expect(page.locator("#carousel-home")).to_have_text("Popular in our shop")
    expect(page.locator("[data-placement=home-svd]")).to_be_hidden()


def test_global_privacy_control_counts_as_refusal(
    shop: Shop, visitor: BrowserContext, page: Page, requests: list[Request]
) -> None:
    visitor.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")

    page.goto(shop.product("P0001"))
    page.wait_for_selector(DRAWN)

    expect(page.locator("[data-vitrine-banner]")).to_be_hidden()
    assert stored(page) == {}
    assert collected(requests) == []


def test_viewing_a_product_changes_the_home_page(open_shop: Shop, page: Page) -> None:
    page.goto(open_shop.home)
    page.locator(YES).click()
    page.goto(open_shop.product("P0003"))
    title = page.locator("h1").inner_text()
    soon(page, lambda: has_looked(visitor_of(page), "P0003"))

    page.goto(open_shop.home)

    expect(page.locator("[data-placement=home] .why", has_text=f"Because you viewed {title}").first).to_be_visible()
    expect(page.locator("[data-placement=recent] .card", has_text=title)).to_be_visible()
    expect(page.locator("#carousel-home")).to_have_text("Picked for you")
    expect(page.locator("[data-placement=home-svd]")).to_be_visible()


def test_login_keeps_the_visitors_history(open_shop: Shop, visitor: BrowserContext, page: Page) -> None:
    page.goto(open_shop.home)
    page.locator(YES).click()
    page.goto(open_shop.product("P0004"))
    anonymous_id = visitor_of(page)
    soon(page, lambda: has_looked(anonymous_id, "P0004"))

    page.goto(f"{open_shop.url}/shop/login")
    page.locator("#user_id").fill("ada")
    page.locator(".other button").click()
    page.wait_for_selector(DRAWN)

    def merged() -> bool:
        return any(one.product_id == "P0004" for one in read_person(user_id=pseudonym("ada")).history)

    assert soon(page, merged)


def test_order_is_recorded(open_shop: Shop, page: Page) -> None:
    from customers.selectors import Identity
    from events.activity import orders_of

    page.goto(open_shop.product("P0005"))
    page.locator("[data-vitrine-add]").click()
    page.locator("text=Order and pretend to pay").click()

    expect(page.locator("h1")).to_have_text("Thank you")
    order_id = page.locator(".thanks strong").inner_text()
    orders = until(lambda: orders_of(Identity((), (pseudonym(f"guest-{order_id}"),)), limit=1))
    assert orders[0].product_ids == ("P0005",)
