"""A merchandiser looks at what an objective costs, moves the slider, and sees it live."""

import json
import time
from datetime import timedelta
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page, expect

from catalog.models import Product
from common import clock
from common.demo_keys import PUBLIC_KEY
from personalization.models import Placement
from tests.browser.conftest import Shoot, Shop
from tests.browser.test_accessibility import FITS, STILL, barred
from tests.personalization.trials.served import served

DRAWN = """() => {
    const plot = document.querySelector("#strengths .js-plotly-plot"), drawn = plot.querySelector(".main-svg");
    return Math.abs(drawn.clientWidth - plot.clientWidth) < 2;
}"""
"""Whether the chart is as wide as its place: it follows a new width of the window a moment later."""


def prices_of_home(shop: Shop) -> list[float]:
    """Ask the API for the prices of the home list."""
    request = Request(f"{shop.url}/api/v1/recommendations/home", headers={"Authorization": f"Bearer {PUBLIC_KEY}"})
    return [float(item["price"]) for item in json.loads(urlopen(request).read())["items"]]


def test_a_merchandiser_weighs_revenue_against_clicks(shop: Shop, ada: Page, shoot: Shoot) -> None:
    Product.objects.filter(product_id__lt="P0010").update(price=50)  # without a model the first products come first
    before = prices_of_home(shop)
    served(30, at=clock.now().replace(hour=12) - timedelta(days=1))

    ada.goto(f"{shop.url}/portal/performance/home")
    ada.get_by_label("Placement", exact=True).get_by_role("link", name="Objective").click()
    expect(ada.locator("[data-now]")).to_have_text("clicks: relevance alone")
    ada.get_by_label("Compare with relevance alone").select_option("revenue")
    ada.get_by_role("button", name="Show what it costs").click()

    expect(ada.locator("[data-sentence]")).to_contain_text("at 100 %, +", timeout=20_000)
    ada.locator("#strengths .js-plotly-plot").wait_for()
    ada.evaluate(STILL)
    for scheme in ("light", "dark"):
        if scheme == "dark":
            ada.evaluate("document.documentElement.classList.add('dark')")
        for width in (360, 1280):
            ada.set_viewport_size({"width": width, "height": 900})
            ada.wait_for_function(DRAWN)
            shoot(ada, f"objective-{scheme}-{width}")
            assert ada.evaluate(FITS)
        assert barred(ada) == []

    slider = ada.get_by_role("slider", name="Strength")
    slider.press("End")
    expect(ada.locator("output")).to_have_text("100 %")
    ada.get_by_role("button", name="Save").click()
    expect(ada.locator("[data-now]")).to_have_text("revenue, 100 %")
    expect(ada.locator("body")).to_contain_text("Before, it was clicks: relevance alone.")
    start = time.monotonic()
    while sum(prices_of_home(shop)) <= sum(before):
        assert time.monotonic() - start < 2
        time.sleep(0.02)

    ada.get_by_role("combobox", name="Objective", exact=True).select_option("clicks")
    ada.get_by_role("button", name="Save").click()
    expect(ada.locator("[data-now]")).to_have_text("clicks: relevance alone")
    row = Placement.objects.get(key="home")
    assert (row.objective, row.objective_percent) == ("clicks", 0)


@pytest.mark.parametrize("width", [360, 1280])
def test_without_requests_it_says_so(shop: Shop, ada: Page, shoot: Shoot, width: int) -> None:
    ada.set_viewport_size({"width": width, "height": 900})
    ada.goto(f"{shop.url}/portal/performance/home/objective?objective=margin")

    expect(ada.locator("[data-few]")).to_contain_text("Too little to say anything: 0 requests")
    shoot(ada, f"objective-empty-{width}")
    assert ada.evaluate(FITS)
    assert barred(ada) == []
