"""Read your writes under load: does an answer asked for after an event's 200 know the event?

    make bench-freshness ARGS="--tries 10000"

A fresh installation with web worker and consumers, as in production. Shoppers each send one view by POST and then ask
for `recent`, while others load the server to a share of what it can take. Half of them are anonymous. Latency is that
of the answer. Figures go to `bench/results/freshness.json`.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, Final
from zlib import crc32

import numpy as np

from bench._results import write_results
from bench._stage import Stage, stage

CLIENTS: Final = 2
CONSENT: Final = {"consent": {"categoryPreferences": {"analytics": True, "personalization": True}}}
PRODUCTS: Final = 1_000
LOADED_SHOPPERS: Final = 200


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=10_000)
    parser.add_argument("--load", type=float, default=0.7, help="share of what the server can take")
    options = parser.parse_args()
    with stage() as it:
        os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings", "SERVING_REFRESH": "inline"})
        it.environment["KEY_RATE_SECRET"] = "100000000/minute"
        key = shop()
        it.run("consumer", sys.executable, "manage.py", "consume")
        it.serve()
        figures = measured(it, key, tries=options.tries, load=options.load)
    print(json.dumps(figures, indent=1))
    write_results("freshness", figures)
    return 0 if figures["read_your_writes"] == 1.0 else 1


def shop() -> str:
    """Fill the catalog and return a secret key. `recent` needs no model."""
    import django

    django.setup()
    from access.services import create_key
    from catalog.services import bulk_upsert

    rows = [{"product_id": f"P{number}", "title": f"Thing {number}", "price": "9.90", "currency": "EUR"}
            for number in range(PRODUCTS)]  # fmt: skip
    bulk_upsert(rows, actor="system:bench")
    return create_key(kind="sk", name="bench", scopes=["recommendations:read", "events:write"])[1]


def measured(it: Stage, key: str, *, tries: int, load: float) -> dict[str, Any]:
    """Return the share of answers that knew the event, and percentiles of their latency in milliseconds."""
    port, each = int(it.environment["PORT"]), -(-tries // CLIENTS)
    try_once(http.client.HTTPConnection("127.0.0.1", port, timeout=30), key, "warm")
    rate = capacity(port, key)
    stop = threading.Event()
    background = threading.Thread(target=keep_busy, args=(port, key, load * rate, stop))
    background.start()
    try:
        with multiprocessing.get_context("spawn").Pool(CLIENTS) as pool:
            parts = pool.starmap(tries_of, [(port, key, client, each) for client in range(CLIENTS)])
    finally:
        stop.set()
        background.join()
    hits = [one for part in parts for one, _ in part]
    took = [milliseconds for part in parts for _, milliseconds in part]
    percentiles = {f"p{share}_ms": round(float(np.percentile(took, share)), 2) for share in (50, 90, 99)}
    return {"tries": len(hits), "read_your_writes": sum(hits) / len(hits), "missed": len(hits) - sum(hits),
            "load_per_s": round(load * rate), **percentiles}  # fmt: skip


def tries_of(port: int, key: str, client: int, count: int) -> list[tuple[bool, float]]:
    """Return the outcomes of one client's tries."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    return [try_once(connection, key, f"{client}-{number}") for number in range(count)]


def try_once(connection: http.client.HTTPConnection, key: str, name: str) -> tuple[bool, float]:
    """Send a view, ask for `recent`; return whether the answer begins with it, and the answer's milliseconds."""
    product, is_user = f"P{crc32(name.encode()) % PRODUCTS}", crc32(name.encode()) % 2 == 0
    shopper = {"userId": name} if is_user else {"anonymousId": name}
    event = {"event": "Product Viewed", "messageId": f"m-{name}", "context": CONSENT,
             "properties": {"product_id": product}, **shopper}  # fmt: skip
    status, body = call(connection, key, "POST", "/v1/track", json.dumps(event))
    if status != 200:
        raise RuntimeError(f"the event was answered {status}: {body[:200]!r}")
    began = time.perf_counter()
    query = f"{'user_id' if is_user else 'anonymous_id'}={name}"
    status, body = call(connection, key, "GET", f"/api/v1/recommendations/recent?{query}")
    took = (time.perf_counter() - began) * 1000
    items = json.loads(body)["items"] if status == 200 else []
    return bool(items) and items[0]["product_id"] == product, took


def call(
    connection: http.client.HTTPConnection, key: str, method: str, path: str, body: str | None = None
) -> tuple[int, bytes]:
    """Return status and body of one request."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def capacity(port: int, key: str, seconds: float = 3.0) -> float:
    """Return how many answers a second two connections get."""
    counts: list[int] = []

    def work() -> None:
        connection, done, until = (
            http.client.HTTPConnection("127.0.0.1", port, timeout=30),
            0,
            time.monotonic() + seconds,
        )
        while time.monotonic() < until:
            call(connection, key, "GET", f"/api/v1/recommendations/trending?user_id=b{done % LOADED_SHOPPERS}")
            done += 1
        counts.append(done)

    run_threads([threading.Thread(target=work) for _ in range(CLIENTS)])
    return sum(counts) / seconds


def keep_busy(port: int, key: str, rate: float, stop: threading.Event) -> None:
    """Ask at a fixed rate until `stop` is set."""
    connection, done, began = http.client.HTTPConnection("127.0.0.1", port, timeout=30), 0, time.monotonic()
    while not stop.is_set():
        call(connection, key, "GET", f"/api/v1/recommendations/trending?user_id=b{done % LOADED_SHOPPERS}")
        done += 1
        time.sleep(max(0.0, began + done / rate - time.monotonic()))


def run_threads(threads: Sequence[threading.Thread]) -> None:
    """Run the threads to their end."""
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
