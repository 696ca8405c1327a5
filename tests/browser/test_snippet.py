"""The snippet on a page of another shop: withdrawn consent and impressions."""

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.test_shop import soon, stored

SNIPPET = Path(__file__).resolve().parent.parent.parent / "static" / "vitrine.js"
SHOP, HOST = "https://shop.test", "https://vitrine.test"
PAGE = """<!doctype html><script src="/vitrine.js"></script><div style="height: 3000px"></div>
<section id="shelf" hidden><template><p><b data-vitrine-field="title"></b></p></template></section>"""
OPEN = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "authorization, content-type"}
MANY = 60


class Host:
    """A fake installation that collects what it receives; it can be switched off."""

    def __init__(self) -> None:
        self.answers = True
        self.items: list[dict[str, Any]] = []
        self.n_lists = 0
        self.page_bodies: list[dict[str, Any]] = []

    def __call__(self, route: Route) -> None:
        """Answer one request."""
        if not self.answers:
            route.abort()
        elif route.request.method == "OPTIONS":
            route.fulfill(headers=OPEN)
        elif "/recommendations/" in route.request.url:
            self.n_lists += 1
            items = [{"product_id": f"P{self.n_lists}", "position": 1, "title": f"chair {self.n_lists}"}]
            body = {"recommendation_id": f"list-{self.n_lists}", "placement": "home", "items": items}
            route.fulfill(json=body, headers=OPEN)
        elif route.request.url.endswith("/api/v1/page"):
            self.page_bodies.append(json.loads(route.request.post_data or "{}"))
            items = [{"product_id": "P1", "position": 1, "title": "desk"}]
            slate = {"recommendation_id": "list-p", "placement": "bundle", "items": items}
            route.fulfill(json={"placements": {"bundle": slate}}, headers=OPEN)
        else:
            self.items += json.loads(route.request.post_data or "{}").get("batch", [])
            route.fulfill(json={"success": True}, headers=OPEN)

    def events_named(self, event: str) -> list[dict[str, Any]]:
        """Return the events of that name."""
        return [item for item in self.items if item.get("event") == event]


@pytest.fixture
def host(page: Page) -> Host:
    """The page of a shop whose shopper consented, and its fake installation."""
    new_host = Host()
    page.context.route(f"{HOST}/**", new_host)
    page.context.route(f"{SHOP}/", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    page.context.route(f"{SHOP}/vitrine.js", lambda route: route.fulfill(path=SNIPPET))
    open_page(page)
    page.evaluate("vitrine.consent(true)")
    soon(page, lambda: new_host.items)
    return new_host


def open_page(page: Page) -> None:
    """Open the shop's page."""
    page.goto(f"{SHOP}/")
    page.evaluate(f"vitrine.init({{key: 'pk_test', host: '{HOST}'}})")


def unanswered(page: Page) -> AbstractContextManager[object]:
    """Yield, then wait until a request has failed."""
    return page.expect_event("requestfailed", lambda request: request.url == f"{HOST}/v1/batch")


@pytest.mark.parametrize("beacons", [True, False])
def test_withdrawal_drops_waiting_events(page: Page, host: Host, beacons: bool) -> None:
    if not beacons:
        page.evaluate("navigator.sendBeacon = () => false")
    host.answers = False
    with unanswered(page):
        page.evaluate(f"for (let at = 0; at < {MANY}; at++) vitrine.track('Product Viewed', {{product_id: 'P' + at}})")
    host.answers = True

    page.evaluate("vitrine.consent(false)")

    soon(page, lambda: host.events_named("Consent Updated"))
    (update,) = host.events_named("Consent Updated")
    assert not any(update["context"]["consent"]["categoryPreferences"].values())
    assert host.events_named("Product Viewed") == []
    soon(page, lambda: list(stored(page)) == ["vitrine.consent"])


@pytest.mark.parametrize("answer", ["false", "{analytics: false, personalization: false, cross_device: true}"])
def test_unsent_withdrawal_is_sent_from_the_next_page(page: Page, host: Host, answer: str) -> None:
    page.evaluate("navigator.sendBeacon = () => false")
    host.answers = False
    with unanswered(page):
        page.evaluate(f"vitrine.consent({answer})")
    assert set(stored(page)) == {"vitrine.consent", "vitrine.queue"}
    page.goto("about:blank")
    host.answers = True

    open_page(page)

    soon(page, lambda: host.events_named("Consent Updated"))
    soon(page, lambda: list(stored(page)) == ["vitrine.consent"])


def test_new_privacy_signal_drops_waiting_events(page: Page, host: Host) -> None:
    page.evaluate("navigator.sendBeacon = () => false")
    host.answers = False
    with unanswered(page):
        page.evaluate("vitrine.track('Product Viewed', {product_id: 'P1'})")
    page.context.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    page.goto("about:blank")  # else the old page tries again
    page.clock.install()
    host.answers, before = True, len(host.items)

    open_page(page)

    soon(page, lambda: "vitrine.queue" not in stored(page))
    page.clock.run_for(60_000)  # whatever is put off
    page.evaluate(f"fetch('{HOST}/last')")  # is answered after what was sent before
    assert host.items[before:] == []


def test_impressions_belong_to_the_latest_list(page: Page, host: Host) -> None:
    for _ in range(2):
        page.evaluate("vitrine.recommend('home', {into: '#shelf'})")
    page.locator("#shelf b", has_text="chair 2").scroll_into_view_if_needed()

    soon(page, lambda: host.events_named("Product List Viewed"))
    assert [one["properties"]["list_id"] for one in host.events_named("Product List Viewed")] == ["list-2"]


def test_a_page_is_one_call(page: Page, host: Host) -> None:
    slates = page.evaluate(
        """() => vitrine.recommendPage([
            {placement: "bundle", into: document.querySelector("#shelf"), product_id: ["P9"], limit: 4},
            {placement: "switched-off"}])"""
    )

    assert list(slates) == ["bundle"]
    expect(page.locator("#shelf b")).to_have_text("desk")
    (body,) = host.page_bodies
    assert body["anonymous_id"] == page.evaluate("vitrine.visitor()")
    assert body["placements"] == [
        {"placement": "bundle", "product_id": ["P9"], "limit": 4},
        {"placement": "switched-off"},
    ]


def test_a_page_without_an_answer_hides_its_lists(page: Page, host: Host) -> None:
    page.evaluate("vitrine.consent(false)")
    host.answers = False
    page.evaluate("document.querySelector('#shelf').hidden = false")

    slates = page.evaluate("vitrine.recommendPage([{placement: 'bundle', into: '#shelf'}])")

    assert slates is None
    expect(page.locator("#shelf")).to_be_hidden()


def test_events_before_a_refusal_are_never_sent(page: Page, host: Host) -> None:
    page.evaluate("localStorage.clear()")
    open_page(page)
    page.evaluate("vitrine.track('Product Viewed', {product_id: 'before'})")
    before = len(host.items)

    page.evaluate("vitrine.consent(false)")
    page.evaluate("vitrine.consent(true)")
    page.evaluate("vitrine.track('Product Viewed', {product_id: 'after'})")

    soon(page, lambda: host.events_named("Product Viewed"))
    events = [(one["event"], one["properties"]) for one in host.items[before:]]
    assert events == [("Consent Updated", {}), ("Product Viewed", {"product_id": "after"})]


@pytest.mark.parametrize("first", ["{analytics: true, personalization: false}", "false"])
def test_consent_is_sent_before_new_recommendations(page: Page, host: Host, first: str) -> None:
    page.evaluate(f"vitrine.consent({first})")
    soon(page, lambda: len(host.events_named("Consent Updated")) == 1)

    page.evaluate("vitrine.consent(true)")
    page.evaluate("vitrine.recommend('home')")

    last = host.events_named("Consent Updated")[1]["context"]["consent"]["categoryPreferences"]
    assert (last["analytics"], last["personalization"]) == (True, True)


def test_debug_mode_logs_errors(page: Page, host: Host) -> None:
    page.context.route(f"{HOST}/api/**", lambda route: route.fulfill(status=404, body="no placement hom", headers=OPEN))
    page.goto(f"{SHOP}/")
    page.evaluate(f"vitrine.init({{key: 'pk_test', host: '{HOST}', debug: true}})")

    with page.expect_console_message(lambda message: "status 404: no placement hom" in message.text):
        assert page.evaluate("vitrine.recommend('hom')") is None


def test_invalid_attribute_does_not_stop_the_snippet(page: Page, host: Host) -> None:
    page.context.route(
        f"{SHOP}/",
        lambda route: route.fulfill(
            body="""<!doctype html><script src="/vitrine.js"></script><p data-vitrine-cart="{'products': []}"></p>
            <p data-vitrine-search='{"query": "desk"}'></p><button data-vitrine-add data-product="P1">Add</button>""",
            content_type="text/html",
        ),
    )

    open_page(page)
    page.get_by_role("button").click()

    soon(page, lambda: host.events_named("Product Added"))
    assert [one["properties"] for one in host.events_named("Products Searched")] == [{"query": "desk"}]
    assert host.events_named("Cart Viewed") == []


@pytest.mark.parametrize("fails", [False, True])
def test_what_a_request_carries_is_not_sent_again_when_the_page_is_left(page: Page, host: Host, fails: bool) -> None:
    open_requests: list[Route] = []
    page.context.route(f"{HOST}/v1/batch", lambda route: open_requests.append(route))
    open_page(page)
    page.evaluate("vitrine.track('Product Clicked', {product_id: 'P1'})")
    soon(page, lambda: bool(open_requests))
    carried = {item["messageId"] for item in json.loads(open_requests[0].request.post_data or "{}")["batch"]}
    page.context.unroute(f"{HOST}/v1/batch")
    page.evaluate(
        "Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )

    page.wait_for_timeout(300)
    assert [item for item in host.items if item["messageId"] in carried] == []
    if fails:
        open_requests[0].abort()
        soon(page, lambda: carried <= {item["messageId"] for item in host.items})
    else:
        open_requests[0].fulfill(json={"success": True}, headers=OPEN)
    page.wait_for_timeout(300)
    repeats = [item["messageId"] for item in host.items if item["messageId"] in carried]
    assert len(repeats) == (len(carried) if fails else 0)
