"""A new shop: its home says what comes next, and a developer follows it to a shelf on a page of the own shop."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from catalog.imports import run_import
from catalog.models import ProductImport
from common import clock
from events.models import Event
from events.services import performance
from modelops.models import TrainingRun
from modelops.services.training import run_training
from personalization.serving.exposures import exposures
from portal.setup_blocks import Here, shelf_blocks
from tests.browser.conftest import Shoot
from tests.browser.waiting import until
from tests.recsys.short_training import short_training

N_PRODUCTS, N_SHOPPERS = 24, 80
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


def test_a_developer_gets_from_nothing_to_a_shelf_by_the_checklist(
    live_server: LiveServer, ada: Page, consumers: None, settings: Settings, tmp_path: Path, shoot: Shoot
) -> None:
    settings.MEDIA_ROOT, settings.SERVING_REFRESH, settings.MODEL_DIR = tmp_path, "inline", tmp_path / "models"
    settings.GATE_LATENCY_MILLISECONDS = 1_000.0  # a machine that runs many tests at once is slow
    key = make_key(live_server, ada)
    bring_in_products(live_server, ada, tmp_path)
    with own_shop(live_server, key) as address:
        see_the_own_page(address, ada, shoot, "before")
        send_history(live_server, key, address)
        train(live_server, ada)
        see_the_own_page(address, ada, shoot, "after")

    exposures.flush()  # as each 50 ms
    until(Event.objects.filter(name="Recommendation Served").exists)
    performance.count_new()  # as each minute
    ada.goto(f"{live_server.url}/admin/")
    expect(ada.locator("#steps")).to_contain_text("step by step: done")
    expect(ada.locator("#steps")).to_contain_text("Preview what a shopper sees")


def follow(live_server: LiveServer, ada: Page, step: str) -> None:
    """Open the home and follow a step that is to be done."""
    ada.goto(f"{live_server.url}/admin/")
    one = ada.locator("#steps li", has=ada.get_by_role("link", name=step))
    expect(one).to_contain_text("to do")
    one.get_by_role("link", name=step).click()


def make_key(live_server: LiveServer, ada: Page) -> str:
    """Make a publishable key and return it."""
    follow(live_server, ada, "Make a key for the storefront")
    ada.fill("[name=name]", "my shop")
    ada.get_by_role("button", name="Save", exact=True).click()
    return ada.locator("text=/pk_[A-Za-z0-9_-]{20,}/").first.inner_text().split("pk_")[1].split()[0].join(["pk_", ""])


def bring_in_products(live_server: LiveServer, ada: Page, folder: Path) -> None:
    """Import products from a file; the work is done here, as Celery would do it."""
    file = folder / "products.csv"
    rows = [f"P{n},Chair {n},Furniture/Chairs,{n + 10}.00,EUR" for n in range(N_PRODUCTS)]
    file.write_text("\n".join(["product_id,title,category,price,currency", *rows]))
    follow(live_server, ada, "Bring in the products")
    ada.set_input_files("[type=file]", file)
    ada.get_by_role("button", name="Upload").click()
    ada.get_by_role("button", name=f"Import {N_PRODUCTS} products").click()
    until(lambda: ProductImport.objects.exclude(state="draft").exists())
    run_import(ProductImport.objects.get().pk)
    expect(ada.get_by_role("main")).to_contain_text("Done", timeout=20_000)


@contextmanager
def own_shop(live_server: LiveServer, key: str) -> Iterator[str]:
    """Run the server of the own shop; yield its address, which is another origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that the library calls
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(shelf_blocks(Here(live_server.url, key, ""))[0].text.encode())

        def log_message(self, *args: Any) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def see_the_own_page(address: str, ada: Page, shoot: Shoot, when: str) -> None:
    """Open the page of the docs in the own shop, agree once, and see the shelf."""
    ada.goto(address)
    if when == "before":
        ada.get_by_role("button", name="Yes").click()
    expect(ada.get_by_role("button", name="Yes")).to_be_hidden()
    expect(ada.locator("#for-you li")).to_have_count(8)
    shoot(ada, f"own-page-{when}")


def send_history(live_server: LiveServer, key: str, origin: str) -> None:
    """Send what shoppers viewed and bought in two months, as a shop sends its past."""
    batch: list[dict[str, Any]] = []
    now = clock.now().timestamp()
    for shopper in range(N_SHOPPERS):
        for step in range(12):
            at = now - 60 * 86_400 * (1 - (N_SHOPPERS * step + shopper) / (12 * N_SHOPPERS + 1))
            item: dict[str, Any] = {"product_id": f"P{(3 * (shopper % 8) + step % 3) % N_PRODUCTS}"}
            order = {"order_id": f"O{shopper}-{step}", "currency": "EUR", "products": [{**item, "price": 9}]}
            name, properties = ("Order Completed", order) if step % 3 == 2 else ("Product Viewed", item)
            batch.append(
                {"type": "track", "event": name, "anonymousId": f"a{shopper}", "properties": properties,
                 "timestamp": clock.from_microseconds(int(at * 1e6)).isoformat()}
            )  # fmt: skip
    context = {
        "consent": {"categoryPreferences": dict.fromkeys(("analytics", "personalization", "train_models"), True)}
    }
    body = json.dumps({"batch": batch, "context": context}).encode()
    request = Request(f"{live_server.url}/v1/batch", body, {"Authorization": f"Bearer {key}", "Origin": origin})
    assert json.loads(urlopen(request).read()) == {"success": True}
    until(lambda: Event.objects.filter(kind="track").count() >= len(batch))


def train(live_server: LiveServer, ada: Page) -> None:
    """Queue a training in the admin, work on it as Celery would, and promote the version."""
    follow(live_server, ada, "Train a model")
    ada.get_by_role("button", name="Train", exact=True).click()
    until(TrainingRun.objects.exists)
    with short_training():
        run = run_training(TrainingRun.objects.get().pk)
    assert run.model_version is not None
    assert run.model_version.state == "champion", run.message
