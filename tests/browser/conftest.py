"""Fixtures: a real Chromium with the real pages, and the log's consumers where a test needs them."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

ROOT = Path(__file__).resolve().parent.parent.parent
SCREENSHOTS = ROOT / "var" / "screenshots"
SMALL_SHOP = 160
Shoot = Callable[[Page, str], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests in this directory; they are skipped without Chromium."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class Shop:
    """The running demo shop."""

    url: str

    @property
    def home(self) -> str:
        """The URL of the first page."""
        return f"{self.url}/shop/"

    def product(self, product_id: str) -> str:
        """Return the URL of a product."""
        return f"{self.url}/shop/products/{product_id}"


@pytest.fixture
def shop(live_server: LiveServer, settings: Settings) -> Iterator[Shop]:
    """A small simulated catalog with the demo's keys and logins."""
    from access.selectors import forget_keys
    from catalog.services import bulk_upsert
    from demo import setup
    from demo.simulation.catalog import make_products
    from personalization.serving.snapshot_refresher import snapshot_refresher

    settings.SERVING_REFRESH = "inline"
    settings.GATE_LATENCY_MILLISECONDS = 1_000.0  # a machine that runs many tests at once is slow
    snapshot_refresher.forget()
    forget_keys()
    setup.prepare()
    products = make_products(seed=7)[:SMALL_SHOP]
    bulk_upsert([{**one.data, "product_id": one.product_id} for one in products], actor="system:test")
    yield Shop(live_server.url)
    snapshot_refresher.forget()


@pytest.fixture
def open_shop(shop: Shop, consumers: None) -> Shop:
    """The same, where events are recorded and change profiles."""
    return shop


@pytest.fixture
def consumers(transactional_db: None) -> Iterator[None]:
    """Run the consumers of `manage.py consume` in threads."""
    from common import redis
    from events.consumer import Consumer
    from events.log import get_log
    from events.sweeper import sweep
    from experiments import counter
    from experiments.management.commands.consume import WORKS

    stop = threading.Event()
    consumers = [Consumer(work(), get_log(), redis.client(), stop) for work in WORKS.values()]

    def run(steps: Callable[[], None]) -> None:
        try:
            steps()
        finally:
            connection.close()

    threads = [
        threading.Thread(target=run, args=(steps,))
        for steps in (*(one.run for one in consumers), lambda: sweep(stop), lambda: counter.run(stop))
    ]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join()


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[BrowserContext]:
    """A new browser context."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(visitor: BrowserContext) -> Page:
    """An empty tab. A script error on a page fails the test."""
    page = visitor.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"script error: {error}"))
    return page


@pytest.fixture
def ada(live_server: LiveServer, page: Page) -> Page:
    """Ada, logged in, at the admin's home."""
    get_user_model().objects.create_superuser("ada", password="correct horse battery")
    page.goto(f"{live_server.url}/admin/login/")
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", "correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_selector("#nav-sidebar-inner", state="attached")
    return page


@pytest.fixture
def requests(visitor: BrowserContext) -> list[Request]:
    """A list that collects all requests of the browser."""
    requests_made: list[Request] = []
    visitor.on("request", lambda request: requests_made.append(request))  # Playwright cannot mark a built-in method
    return requests_made


@pytest.fixture
def shoot() -> Shoot:
    """Take a picture of the whole page into var/screenshots."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    return take


@pytest.fixture
def violations(page: Page) -> list[str]:
    """What the console says about the Content-Security-Policy."""
    messages: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            messages.append(f"{page.url}: {message.text}")

    page.on("console", note)
    return messages
