"""From an event's 200 to its effect on what others see: `trending`, and `similar` by co-visitation, under load.

    make bench-live-counts ARGS="--tries 20 --rate 50"

A fresh installation with a web worker and consumers, and a released model. Each try views two products that nobody has
touched: the one after the other by one shopper, the second by some more. `trending` answers when the second is among
its first ten, `similar` to the first when it names the second. Meanwhile other shoppers view products at a steady rate,
so that the counts change all the time. Figures go to `bench/results/live_counts.json`.
"""

import argparse
import http.client
import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

from bench._results import write_results
from bench._stage import Stage, stage
from bench.serving import released, shop
from recsys.data.dataset import Dataset
from recsys.ranking.model import HybridModel

SOURCES: Final = ("popular", "trending", "covisitation", "rp3beta")
CONSENT: Final = {"analytics": True, "personalization": True, "train_models": True}
SCOPES: Final = ("recommendations:read", "events:write")
VIEWERS: Final = 60
"""Shoppers who view the second product, so that it is among the first ten."""
LIMIT_SECONDS: Final = 10.0


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--rate", type=float, default=50.0, help="other events a second")
    parser.add_argument("--products", type=int, default=5_000)
    parser.add_argument("--shoppers", type=int, default=2_000, help="that the model learns from")
    options = parser.parse_args()
    with open_shop(options.products, options.shoppers) as (it, key):
        figures = {"rate": options.rate, **measured(it, key, options)}
    print(json.dumps(figures, indent=1))
    write_results("live_counts", figures)
    return 0


@contextmanager
def open_shop(products: int, shoppers: int, *, scopes: Sequence[str] = SCOPES) -> Iterator[tuple[Stage, str]]:
    """Yield an installation with a web worker, consumers and a model of so many shoppers, and a secret key of it."""
    with stage() as it:
        os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings", "SERVING_REFRESH": "inline"})
        it.environment["KEY_RATE_SECRET"] = "100000000/minute"
        shop(products, shoppers, train=released_until_now, sources=SOURCES)
        key = key_of_shop(scopes)
        it.run("consumer", sys.executable, "manage.py", "consume")
        it.serve()
        yield it, key


def released_until_now(dataset: Dataset, sources: Sequence[str] | None) -> HybridModel:
    """Return the model of the rows, moved so that the last one is a minute old."""
    rows = dataset.interactions
    moved = replace(rows, times=rows.times - rows.times.max() + time.time() - 60)
    return released(replace(dataset, interactions=moved), sources)


def key_of_shop(scopes: Sequence[str] = SCOPES) -> str:
    """Return a secret key; without scopes of its own it may write events and ask for answers."""
    from access.services import create_key

    return create_key(kind="sk", name="bench", scopes=list(scopes))[1]


def measured(it: Stage, key: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the seconds from a batch's 200 to its effect, by placement."""
    client, stop = Client(it, key), threading.Event()
    client.send([("warm", "P0")])
    time.sleep(3)
    load = threading.Thread(target=keep_busy, args=(Client(it, key), options, stop))
    load.start()
    seconds: dict[str, list[float]] = {"trending": [], "similar": []}
    try:
        for number in range(options.tries):
            first, second = f"new-{number}-a", f"new-{number}-b"
            add_products(first, second)
            client.wait(f"similar?product_id={first}&limit=5", bool)
            time.sleep(random.random())
            viewers = [f"x{number}-{one}" for one in range(VIEWERS)]
            sent = client.send([(viewers[0], first), *((one, second) for one in viewers)])
            path = f"similar?strategy=covisitation&product_id={first}"
            seconds["similar"].append(client.wait(path, partial(shows, second, 1)) - sent)
            seconds["trending"].append(client.wait("trending", partial(shows, second, 10)) - sent)
    finally:
        stop.set()
        load.join()
    return {name: summary(own) for name, own in seconds.items()}


class Client:
    """One connection to the web server."""

    def __init__(self, it: Stage, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", int(it.environment["PORT"]), timeout=30)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def send(self, views: list[tuple[str, str]]) -> float:
        """Send views of shoppers in one batch, a second apart; return the moment of its 200."""
        now = time.time()
        batch = [
            {"type": "track", "event": "Product Viewed", "userId": user, "properties": {"product_id": product},
             "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - len(views) + at)),
             "context": {"consent": {"categoryPreferences": CONSENT}}}
            for at, (user, product) in enumerate(views)
        ]  # fmt: skip
        status, body = self._call("POST", "/v1/batch", json.dumps({"batch": batch}))
        if status != 200:
            raise RuntimeError(body)
        return time.monotonic()

    def wait(self, path: str, condition: Callable[[list[str]], object]) -> float:
        """Return the moment at which the answer meets the condition. Raises TimeoutError."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            status, body = self._call("GET", f"/api/v1/recommendations/{path}")
            if status == 200 and condition([item["product_id"] for item in json.loads(body)["items"]]):
                return time.monotonic()
            time.sleep(0.02)
        raise TimeoutError(path)

    def _call(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        self._connection.request(method, path, body, self._headers)
        response = self._connection.getresponse()
        return response.status, response.read()


def shows(product_id: str, n: int, answer: list[str]) -> bool:
    """Return whether the product is among the first n."""
    return product_id in answer[:n]


def add_products(*product_ids: str) -> None:
    """Add products to the catalog."""
    from catalog.services import bulk_upsert

    rows = [{"product_id": one, "title": f"Thing {one}", "price": "9", "currency": "EUR"} for one in product_ids]
    bulk_upsert(rows, actor="system:bench")


def keep_busy(client: Client, options: argparse.Namespace, stop: threading.Event) -> None:
    """Send views of random shoppers and products at the rate, in batches of a tenth of a second."""
    draw, each = random.Random(7), max(1, round(options.rate / 10))
    while not stop.wait(0.1):
        client.send([(f"o{draw.randrange(500)}", f"P{draw.randrange(options.products):05d}") for _ in range(each)])


def summary(seconds: list[float]) -> dict[str, float]:
    """Return median, 95th percentile and maximum, in seconds."""
    median, high = np.percentile(seconds, [50, 95])
    return {"p50": round(float(median), 2), "p95": round(float(high), 2), "max": round(max(seconds), 2)}


if __name__ == "__main__":
    sys.exit(main())
