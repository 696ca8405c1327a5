"""A merchandiser finds how home did this week, on a screen and on a phone."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from msgspec.structs import replace
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from common import clock
from events.log import Batch
from events.services import performance
from events.services.recorder import Recorder, offsets
from events.types.base import Event
from personalization.services.rules import create_rule
from tests.browser.conftest import Shoot
from tests.events.builders import entry
from tests.events.test_performance import line, ordered, served, touched

BARRED = ("serious", "critical")
FITS = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
PRODUCTS = ("sofa", "lamp", "rug", "chair", "desk")


def story() -> Iterator[Event]:
    """Yield the answers of three weeks, of which every fourth is clicked and every twelfth leads to an order."""
    chance, now = random.Random(3), clock.epoch_us()
    for number in range(600):
        at = now - int(timedelta(days=21 * (1 - number / 600)).total_seconds() * 1e6)
        answer = f"00000000-0000-7000-8000-{number:012d}"
        place, product = 1 + number % 5 * number % 3, PRODUCTS[number % 5]
        shopper = {"user_id": f"u{number}"}
        yield replace(served(1, answer, "home", *PRODUCTS, personalized=number % 3 > 0), at=at, message_id=f"s{number}")
        if chance.random() < 0.25:
            click = touched(1, "Product Clicked", product, answer, position=place, **shopper)
            yield replace(click, at=at + 1_000_000, message_id=f"c{number}")
        if number % 12 == 0:
            order = ordered(1, f"O{number}", line(product, 49.5, list_id=answer), **shopper)
            yield replace(order, at=at + 2_000_000, message_id=f"o{number}")


@pytest.fixture(autouse=True)
def three_weeks(transactional_db: None) -> None:
    """Record and count the story."""
    batch: Batch = {0: [(number, entry(one)) for number, one in enumerate(story(), 1)]}
    Recorder().record(batch, after={0: offsets([0]).get(0, 0)})
    performance.count_new()
    create_rule(name="Autumn push", wording={"effect": "boost", "placements": ["home"]}, actor="staff:1")


def serious(page: Page) -> list[Any]:
    violations = Axe().run(page).response["violations"]
    return [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in violations if one["impact"] in BARRED]


@pytest.mark.parametrize("width", [360, 1280])
def test_a_merchandiser_finds_how_home_did(live_server: LiveServer, ada: Page, shoot: Shoot, width: int) -> None:
    ada.set_viewport_size({"width": width, "height": 900})
    ada.goto(f"{live_server.url}/portal/performance")
    shoot(ada, f"performance-{width}")
    ada.get_by_role("link", name="Home page").click()
    ada.locator(".js-plotly-plot").first.wait_for()

    expect(ada.locator(".v-number").first).to_contain_text("against 200")
    ada.locator("#positions").scroll_into_view_if_needed()
    ada.locator("#positions .js-plotly-plot").wait_for()
    shoot(ada, f"performance-home-{width}")
    assert ada.evaluate(FITS)
    assert serious(ada) == []
    for tab in ("Rules", "Settings"):
        ada.get_by_label("Placement", exact=True).get_by_role("link", name=tab).click()
        expect(ada.locator("[aria-current=page]").filter(has_text=tab)).to_be_visible()
        shoot(ada, f"placement-{tab.lower()}-{width}")
        assert ada.evaluate(FITS)
    ada.get_by_label("Placement", exact=True).get_by_role("link", name="Performance").click()
    ada.locator("#products summary, #products a").nth(1).click()
    expect(ada.locator(".v-number").first).to_contain_text("Shown")
    shoot(ada, f"product-{width}")
    assert ada.evaluate(FITS)
    assert serious(ada) == []
