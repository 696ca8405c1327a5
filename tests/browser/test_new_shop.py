"""The home of a new shop, on a screen and on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import Shoot

FITS = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.mark.parametrize("width", [360, 1280])
def test_the_home_of_a_new_shop_says_what_comes_next(
    live_server: LiveServer, ada: Page, shoot: Shoot, width: int
) -> None:
    ada.set_viewport_size({"width": width, "height": 900})
    ada.goto(f"{live_server.url}/admin/")

    expect(ada.locator("#steps")).to_contain_text("Train a model")
    shoot(ada, f"new-shop-{width}")
    assert ada.evaluate(FITS)
    violations = Axe().run(ada).response["violations"]
    assert [one["id"] for one in violations if one["impact"] in ("serious", "critical")] == []
