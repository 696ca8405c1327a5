"""The event stream follows by itself, pauses, and is looked at on a screen, a phone, and in the dark."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from access.services import create_key
from common import clock, redis
from events.models import SetAside
from events.stream import minutes, refusals, ring
from events.stream.line import Line
from events.stream.refusals import Refusal
from events.stream.tail import tail
from tests.browser.conftest import Shoot
from tests.browser.test_accessibility import STILL, barred, too_wide
from tests.events.builders import entry, event

DRAWN = ".js-plotly-plot .main-svg:first-child"
PHONE: Any = {"width": 390, "height": 844}
FITS = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
SIX = 6


def note(*numbers: int, **fields: Any) -> None:
    """Write kept events."""
    events = [event(number, **fields) for number in numbers]
    tail.note_events([(one, entry(one)) for one in events])
    tail.flush()


@pytest.fixture
def busy(live_server: LiveServer, page: Page) -> Page:
    """The page of an hour with events, errors, lookups and failures, in the browser of somebody signed in."""
    key, _ = create_key(kind="pk", name="storefront")
    source = f"key:{key.pk}"
    pipe = redis.client().pipeline()
    for back in range(60):
        wave = 40 + (back * 7) % 23
        numbers = {"event:kept": 10 * wave, "event:discarded": wave, "event:rejected": back % 5,
                   "status:400": back % 4, "status:429": back % 3,
                   "lookup:answer:hit": 6 * wave, "lookup:answer:miss": 4 * wave,
                   "lookup:shopper:hit": wave, "lookup:shopper:miss": back, "lag": wave}  # fmt: skip
        for kind in ("recommend", "collect"):
            shares = {"0.001": 10, "0.005": 60, "0.01": 85, "0.025": 96, "0.1": 99, "+Inf": 100}
            numbers |= {f"within:{kind}:{end}": wave * share // 10 for end, share in shares.items()}
        minutes.queue_add(pipe, numbers, minute=minutes.this_minute() - back)
    ring.queue_append(pipe, [
        Line(clock.epoch_us() // 1000, "discarded", "Product Viewed", source=source, reason="no_consent"),
        Line(clock.epoch_us() // 1000, "refused", "POST /v1/batch", source="pk_0123456789_…", status=401,
             reason="Unknown API key.", route="/v1/batch", origin="https://shop.example"),
        Line(clock.epoch_us() // 1000, "rejected", "Product Added", source=source, reason="product_id: is missing",
             payload='{"type":"track","event":"Product Added"}'),
    ])  # fmt: skip
    pipe.execute()
    refusals.add({Refusal("pk_0123456789_…", 401, "/v1/batch", "Unknown API key.", "https://shop.example"): 412})
    SetAside.objects.create(
        reason="is missing", field="product_id", payload="{}", source=source, received_at=clock.now(), shard=0,
        log_offset=1,
    )  # fmt: skip
    note(*range(1, 9), source=source, consents={"analytics": True})
    get_user_model().objects.create_superuser("ada", password="correct horse battery")
    page.goto(f"{live_server.url}/admin/login/")
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", "correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_selector("#nav-sidebar-inner", state="attached")
    page.goto(f"{live_server.url}/portal/stream")
    return page


def test_the_stream_follows_pauses_and_fits(busy: Page, violations: list[str], shoot: Shoot) -> None:
    lines = busy.locator("#stream-lines > li")
    expect(lines).to_have_count(11)

    note(20, name="Product Added")
    expect(lines).to_have_count(12)
    expect(lines.first).to_contain_text("Product Added")

    lines.first.locator("summary").click()
    expect(lines.first.locator("pre")).to_contain_text('"product_id": "P20"')
    expect(busy.locator("#stream-pause")).to_have_text("Go on")
    note(21)
    busy.wait_for_timeout(2_500)
    assert lines.count() == 12
    busy.locator("#stream-pause").click()
    expect(lines).to_have_count(13)

    busy.evaluate(STILL)
    assert barred(busy) == []
    look(busy, "stream", shoot)
    busy.evaluate("document.documentElement.classList.add('dark')")
    assert barred(busy, "color-contrast") == []
    look(busy, "stream-dark", shoot)
    busy.set_viewport_size(PHONE)
    busy.reload()
    assert busy.evaluate(FITS)
    lines.first.locator("summary").click()
    look(busy, "stream-phone", shoot)
    busy.evaluate("document.documentElement.classList.add('dark')")
    look(busy, "stream-phone-dark", shoot)
    assert too_wide(busy) == []
    assert violations == []


def look(page: Page, name: str, shoot: Shoot) -> None:
    """Scroll down until all figures are drawn, and take a picture."""
    for place in page.locator("[data-figure]").all():
        place.scroll_into_view_if_needed()
        expect(place.locator(".main-svg").first).to_be_visible()
    expect(page.locator(DRAWN)).to_have_count(SIX)
    shoot(page, name)


def test_who_is_signed_out_is_told_so(busy: Page) -> None:
    busy.context.clear_cookies()

    expect(busy.locator("#stream-trouble")).to_contain_text("signed out")


def test_figures_are_redrawn_when_they_come(busy: Page) -> None:
    busy.locator("[data-figure=events]").scroll_into_view_if_needed()
    expect(busy.locator("[data-figure=events] .main-svg").first).to_be_visible()

    busy.evaluate("""document.dispatchEvent(new CustomEvent('vitrine:figures', {detail: {events: {
        data: [{type: 'scatter', mode: 'lines', name: 'fresh', x: ['10:00', '10:01'], y: [1, 2]}],
        layout: {height: 280, showlegend: true, xaxis: {type: 'category'}, yaxis: {}}}}}))""")

    expect(busy.locator("[data-figure=events] .legendtext")).to_have_text("fresh")


def test_a_filter_stays_while_the_stream_follows(busy: Page) -> None:
    busy.locator("[name=verdict]").select_option("failed")
    busy.get_by_role("button", name="Filter").click()
    lines = busy.locator("#stream-lines > li")
    expect(lines).to_have_count(2)

    note(30)
    tail.note_refusal(Refusal("no key", 401, "/v1/track", "An API key is needed."), method="POST")
    tail.flush()

    expect(lines).to_have_count(3)
    expect(lines.first).to_contain_text("POST /v1/track")


def test_the_home_draws_the_last_hour(busy: Page, live_server: LiveServer, shoot: Shoot) -> None:
    busy.goto(f"{live_server.url}/admin/")

    expect(busy.locator(".v-minutes rect")).to_have_count(60)
    shoot(busy, "home-stream")
    busy.set_viewport_size(PHONE)
    assert busy.evaluate(FITS)
    busy.evaluate("document.documentElement.classList.add('dark')")
    shoot(busy, "home-stream-phone-dark")
