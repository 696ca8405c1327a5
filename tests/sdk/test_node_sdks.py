"""The Node SDKs of Segment and RudderStack, unmodified, against the real server; the browsers' ones in a browser."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from common.pseudonyms import pseudonym, subject_pseudonym
from tests.sdk.conftest import Shop

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Response

    from events.types.base import Event

Reader = Callable[[], dict[str, "Event"]]
WAIT_SECONDS = 20.0
EXPECTED = {"identify", "Product Viewed", "Trumpet Blown", "Home", "Start", "group", "alias"}
pytestmark = pytest.mark.sdk_node


@pytest.mark.parametrize("sdk", ["segment", "rudder"])
def test_every_call_of_a_server_sdk_is_on_the_log(shop: Shop, logged: Reader, node_folder: Path, sdk: str) -> None:
    done = subprocess.run(
        ["node", f"{sdk}.mjs"],
        cwd=node_folder,
        env={**os.environ, "HOST": shop.host, "KEY": shop.key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    events = logged()
    assert set(events) == EXPECTED
    assert events["Product Viewed"].user_id == pseudonym("ada")
    assert events["Product Viewed"].allowed == ("analytics", "personalization")
    assert events["identify"].traits == {"loyalty": "gold"}


def posted_to(route: str) -> Callable[["Response"], bool]:
    """Return a test for the answer to a POST to the route."""
    return lambda answer: answer.url.endswith(route) and answer.request.method == "POST"


@pytest.mark.browser
@pytest.mark.parametrize(
    ("file", "routes"),
    [("page.html", ("/v1/p", "/v1/t", "/v1/i")), ("rudder.html", ("/v1/page", "/v1/track", "/v1/identify"))],
    ids=["segment", "rudder"],
)
def test_a_browser_sdk_talks_across_origins(
    shop: Shop, logged: Reader, pages_address: str, chromium: "Browser", file: str, routes: tuple[str, str, str]
) -> None:
    page = chromium.new_page()
    page.goto(pages_address + file + "?" + urlencode({"host": shop.host, "key": shop.key}))
    with (
        page.expect_response(posted_to(routes[0])),
        page.expect_response(posted_to(routes[1])),
        page.expect_response(posted_to(routes[2])),
    ):
        anonymous_id = page.evaluate("talk()")
    page.close()

    events = logged()
    assert {"Home", "Product Viewed", "identify"} <= set(events)
    assert events["Product Viewed"].anonymous_id == pseudonym(anonymous_id)
    assert events["Product Viewed"].context["device"] == {"type": "bot"}
    assert events["identify"].user_id == pseudonym("ada")
    assert events["Home"].properties["url"] == pages_address + file
    assert "userAgent" not in events["Product Viewed"].context


def wait_for(count: int, logged: Reader) -> None:
    """Wait until the log holds so many kinds of events: the SDK resolves a call before its request has ended."""
    deadline = time.monotonic() + WAIT_SECONDS
    while len(logged()) < count and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("proved", [True, False], ids=["with the hash", "without"])
def test_segments_browser_sdk_speaks_for_the_account_that_its_hash_proves_and_else_for_its_device(
    host: str, logged: Reader, stocked_shop: None, pages_address: str, chromium: "Browser", proved: bool
) -> None:
    from events.models import Order
    from tests.personalization.unproved import NO, DoorShop, allowed, consent, consume, event, known

    shop = DoorShop()
    shop.server(event(userId="ada", properties={"product_id": "throw"}))
    shop.server(event(event="Consent Updated", properties={}, userId="ada", context=consent(NO)))
    before, in_log = known(shop, subject_pseudonym("user:ada")), len(logged())
    query = {"host": host, "key": shop.public, **({"hash": shop.hash_of("ada")} if proved else {})}

    page = chromium.new_page()
    page.goto(f"{pages_address}page.html?{urlencode(query)}")
    anonymous_id = page.evaluate("shopAsAda()")
    wait_for(in_log + 3, logged)
    page.close()
    consume()

    device, choices = {"anonymous_id": anonymous_id}, {**NO, "analytics": True, "personalization": True}
    (order,) = Order.objects.all()
    assert not order.confirmed
    seen = {item["product_id"]: item["reason"]["text"] for item in shop.ask("recent", **device)["items"]}
    assert seen["lamp"] == "You looked at this lately"
    if not proved:
        assert known(shop, subject_pseudonym("user:ada")) == before
        assert allowed(subject_pseudonym(f"anonymous:{anonymous_id}")) == choices
        assert (order.user_id, order.claimed_by) == (None, subject_pseudonym(f"anonymous:{anonymous_id}"))
        assert shop.ask("recent", user_id="ada", **device) == shop.ask("recent", **device)
        return
    assert allowed(subject_pseudonym("user:ada")) == choices
    assert (order.user_id, order.claimed_by) == (pseudonym("ada"), subject_pseudonym("user:ada"))
    assert {"desk", "lamp", "rug"} <= {one.product_id for one in known(shop, subject_pseudonym("user:ada"))["history"]}
    assert known(shop, subject_pseudonym("user:ada"))["identity"] == (
        (pseudonym("ada"),),
        (pseudonym(anonymous_id),),
        {"loyalty": "gold"},
    )
    answer = shop.ask("recent", user_id="ada", user_hash=shop.hash_of("ada"))
    assert {"desk", "lamp"} <= {item["product_id"] for item in answer["items"]}
