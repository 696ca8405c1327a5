"""Simulated shoppers click as planted, send what the storefront contract says, and repeat requests as SDKs do."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from demo.simulation.effects import NEXT_POSITION, Effects
from demo.simulation.shoppers import make_shoppers
from demo.simulation.visits import VisitItems, Visitor, react
from demo.simulator import Simulator
from demo.storefront import RequestFailed, Storefront
from events.services.collect import collect_server_items

EFFECTS = Effects(clicks=0.4, lift=0.25, pin_cost=0.5)
LIST_ID = "0198a000-0000-7000-8000-000000000000"


def answer(
    *, strategy: str = "popular", personalized: bool = True, pinned: bool = False, n: int = 10
) -> dict[str, Any]:
    """Return an answer of the API with products P1, P2, …"""
    codes = ["pinned" if pinned and not at else "popular" for at in range(n)]
    items = [
        {
            "product_id": f"P{at}", "position": at, "title": f"Chair {at}", "price": "89.90", "currency": "EUR",
            "reason": {"code": code},
        }
        for at, code in enumerate(codes, 1)
    ]  # fmt: skip
    return {"recommendation_id": LIST_ID, "strategy": strategy, "personalized": personalized, "items": items}


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        (answer(), 0.4),
        (answer(strategy="hybrid"), 0.5),
        (answer(strategy="hybrid", personalized=False), 0.4),
        (answer(strategy="hybrid", pinned=True), 0.25),
        (answer(pinned=True), 0.2),
        (answer(n=1), 0.4),
        (answer(n=0), 0.0),
    ],
)
def test_the_clicks_of_an_answer_are_planted(served: dict[str, Any], expected: float) -> None:
    chances = EFFECTS.click_chances(served, {"P2": 3.0, "P3": -5.0})

    assert chances.sum() == pytest.approx(expected)
    assert len(chances) == len(served["items"])


def test_taste_and_position_decide_which_product_is_clicked() -> None:
    by_position = EFFECTS.click_chances(answer(), {})
    by_taste = EFFECTS.click_chances(answer(), {"P1": 0.0, "P2": 2.0})
    pinned = EFFECTS.click_chances(answer(pinned=True), {})

    assert by_position[1:] / by_position[:-1] == pytest.approx([NEXT_POSITION] * 9)
    assert by_taste[1] > by_taste[0]
    assert pinned[0] < pinned[1]


def test_clicks_come_as_often_as_planted() -> None:
    rng, served = np.random.default_rng(1), answer(strategy="hybrid")
    chances = EFFECTS.click_chances(served, {})

    reactions = [react(served, chances, EFFECTS, rng) for _ in range(20_000)]

    clicks = sum(len(one.clicks) for one in reactions)
    assert clicks / 20_000 == pytest.approx(0.5, abs=0.02)
    assert sum(len(one.carts) for one in reactions) / clicks == pytest.approx(EFFECTS.cart_share, abs=0.02)
    assert all(set(one.orders) <= set(one.carts) <= set(one.clicks) for one in reactions)


@pytest.mark.parametrize("consent", ["yes", "no", "none"])
def test_a_visit_is_what_the_contract_says(db: None, consent: str) -> None:
    shopper = next(one for one in make_shoppers(100, seed=7) if one.registers and one.consent == consent)
    items = VisitItems(Visitor(shopper, shopper.devices[0]), "run-1", 1_780_000_000_000_000)
    items.page()
    chances = np.ones(10)
    items.answer(answer(), react(answer(), chances, Effects(cart_share=1, order_share=1), np.random.default_rng(1)))
    batch = items.batch()["batch"]

    names = [item.get("event", item["type"]) for item in batch]
    tracks = [item["properties"] for item in batch if item["type"] == "track"]
    assert names == ["page", "Product List Viewed", *10 * ["Product Clicked", "Product Viewed", "Product Added"],
                     "Order Completed"]  # fmt: skip
    assert {one.get("list_id", LIST_ID) for one in tracks} == {LIST_ID}
    assert [one["position"] for one in tracks if "position" in one] == list(range(1, 11))
    assert {line["list_id"] for line in tracks[-1]["products"]} == {LIST_ID}
    assert tracks[-1]["revenue"] == "899.00"
    assert len({item["messageId"] for item in batch}) == len(batch)
    answered = {"yes": True, "no": False, "none": None}[consent]
    consents = {item["context"].get("consent", {}).get("categoryPreferences", {}).get("analytics") for item in batch}
    assert consents == {answered}
    assert not collect_server_items(batch, source="test").set_aside
    assert items.batch()["batch"] == []


def test_the_same_seed_makes_the_same_visits() -> None:
    storefronts = [FakeStorefront(), FakeStorefront(), FakeStorefront()]
    for storefront, seed in zip(storefronts, (1, 1, 2), strict=True):
        simulator = Simulator(storefront, placements=("home",), shoppers=50, seed=seed, effects=EFFECTS)
        for number in range(20):
            simulator.visit(number)

    visitors = [one.visitors for one in storefronts]
    assert visitors[0] == visitors[1] != visitors[2]
    assert {item["userId"] for item in storefronts[0].items if "userId" in item} <= {
        shopper.user_id for shopper in make_shoppers(50, seed=7)
    }


def test_visits_begin_when_they_are_due_and_failures_are_counted() -> None:
    storefront = FakeStorefront(fails_at=3)
    simulator = Simulator(storefront, placements=("home",), shoppers=50, seed=1, effects=EFFECTS)
    begun: list[int] = []

    outcome = simulator.run(per_minute=1200, minutes=1 / 60, progress=begun.append)

    assert len(begun) == 20
    assert (outcome.visits, outcome.failed, outcome.too_late) == (19, 1, 0)
    assert outcome.error == "refused"
    assert outcome.seconds == pytest.approx(1, abs=0.6)
    assert sum(tally.answers for tally in outcome.tallies.values()) == 19


def test_a_request_is_sent_again_as_sdks_do(opened: Callable[[str], Storefront]) -> None:
    with server([503, 429, 200]) as url:
        storefront = opened(url)

        assert storefront.recommend("home", {"user_id": "ä"}) == {"ok": True}

    assert storefront.requests.sent == 1
    assert sum(storefront.requests.repeated.values()) == 2
    assert not storefront.requests.failed


@pytest.mark.parametrize(("statuses", "repeated"), [([404], 0), ([503] * 4, 3)])
def test_a_refused_request_is_given_up_with_its_reason(
    opened: Callable[[str], Storefront], statuses: list[int], repeated: int
) -> None:
    with server(statuses) as url:
        storefront = opened(url)
        with pytest.raises(RequestFailed, match=f"/v1/batch: {statuses[0]}"):
            storefront.send({"batch": []})

    assert sum(storefront.requests.repeated.values()) == repeated
    assert sum(storefront.requests.failed.values()) == 1


def test_a_server_that_is_gone_is_a_failed_request() -> None:
    with server([200]) as url:
        pass

    with pytest.raises(RequestFailed, match="Refused"):
        Storefront(url, "sk_demo").send({"batch": []})


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://shop", "http://"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        Storefront(url, "sk_demo")


@pytest.fixture
def opened() -> Iterator[Callable[[str], Storefront]]:
    """Make storefronts, and close their connections at the end."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(closing(Storefront(url, "sk_demo")))


class FakeStorefront(Storefront):
    """Answers at once, without a server, and remembers who came."""

    def __init__(self, *, fails_at: int = 0) -> None:
        super().__init__("http://localhost:1", "sk_demo")
        self.visitors: list[dict[str, str]] = []
        self.items: list[dict[str, Any]] = []
        self.fails_at = fails_at

    def recommend(self, placement: str, fields: Any) -> dict[str, Any]:
        """Return an answer."""
        self.visitors.append(dict(fields))
        if len(self.visitors) == self.fails_at:
            raise RequestFailed("refused")
        return answer(strategy="hybrid")

    def send(self, body: Any) -> None:
        """Keep the items."""
        self.items += body["batch"]


@contextmanager
def server(statuses: list[int]) -> Iterator[str]:
    """Run a server that answers the statuses in turn; yield its address."""
    rest = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._reply()

        def _reply(self) -> None:
            body = json.dumps({"ok": True}).encode()
            self.send_response(rest.pop(0))
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    site = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=site.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{site.server_port}"
    finally:
        site.shutdown()
        site.server_close()
        thread.join()
