"""The docs' ways to write the decision on every event, run as they stand but for host, key and imports."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

from tests.sdk.conftest import Shop

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from events.types.base import Event

Reader = Callable[[], dict[str, "Event"]]
PAGE = (settings.BASE_DIR / "docs" / "storefront.md").read_text()
SECTION = PAGE.partition("### Consent on every event\n")[2].partition("\n### ")[0]
SNIPPETS = {re.search(r'from "(@[^"]+)"', code)[1]: code for code in re.findall(r"```js\n(.*?)```", SECTION, re.DOTALL)}  # type: ignore[index]
SEGMENT, RUDDER, NODE = "@segment/analytics-next", "@rudderstack/analytics-js/bundled", "@segment/analytics-node"
SCRIPTS = {
    SEGMENT: ("/analytics-next.js", "AnalyticsNext"),
    RUDDER: ("/node_modules/@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js", "rudderanalytics"),
}
pytestmark = pytest.mark.sdk_node


def code_for(shop: Shop, sdk: str) -> str:
    return re.sub("(pk|sk)_demo", shop.key, SNIPPETS[sdk]).replace("https://vitrine.example", shop.host)


def assert_all_are_stamped(events: dict[str, "Event"]) -> None:
    assert {"Home", "Product Viewed"} <= set(events)
    # Of two events of one moment, one carries the decision of both.
    carriers = {event.at for event in events.values() if event.consents.get("analytics")}
    for event in events.values():
        assert {"analytics", "personalization"} <= set(event.allowed)
        assert event.at in carriers


def test_the_section_shows_each_sdk() -> None:
    assert set(SNIPPETS) == {SEGMENT, RUDDER, NODE}


def test_the_server_sdk_s_plugin(shop: Shop, logged: Reader, node_folder: Path) -> None:
    script = node_folder / "stamped.mjs"
    script.write_text(code_for(shop, NODE))

    done = subprocess.run(
        ["node", script.name], cwd=node_folder, env=os.environ, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert_all_are_stamped(logged())


@pytest.mark.browser
@pytest.mark.parametrize("sdk", [SEGMENT, RUDDER])
def test_a_browser_sdk(
    shop: Shop, logged: Reader, node_folder: Path, pages_address: str, chromium: "Browser", sdk: str
) -> None:
    script, name = SCRIPTS[sdk]
    code = re.sub(r'import (\{.*?\}) from ".*?";', rf"const \1 = window.{name};", code_for(shop, sdk))
    (node_folder / "stamped.html").write_text(
        f'<!doctype html><title>A shop</title><script src="{script}"></script><script>\n{code}</script>'
    )
    page = chromium.new_page()
    answered: list[str] = []
    page.on("response", lambda one: answered.append(one.url) if one.request.method == "POST" and one.ok else None)
    page.goto(pages_address + "stamped.html")
    for _ in range(100):
        if sum("/v1/p" in url or "/v1/t" in url for url in answered) >= 2:
            break
        page.wait_for_timeout(100)
    page.close()

    assert_all_are_stamped(logged())
