"""Uncached personalized answers over HTTP, beside the same server's fixed JSON after one Redis round trip, in one run.

A fresh installation, a shop of synthetic tastes, a model trained by the pipeline, one web worker that caches nothing.
Figures in milliseconds, one caller; `per_second` with four callers, `share` is that over the floor's.
"""

import argparse
import http.client
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd

from bench._stage import answers, stage, until

CALLERS = 4


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=2_000)
    parser.add_argument("--shoppers", type=int, default=1_000)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--sources", nargs="*", help="train these only, for a short run")
    options = parser.parse_args()
    with stage() as it:
        os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings", "SERVING_REFRESH": "inline"})
        key = shop(options.products, options.shoppers, sources=options.sources)
        it.environment["SERVING_REFRESH"] = "background"
        it.environment["KEY_RATE_SECRET"] = it.environment["KEY_RATE_PUBLISHABLE"] = "1000000/second"
        granian = os.path.join(os.path.dirname(sys.executable), "granian")
        command = (granian, "--interface", "wsgi", "--workers", "1", "--no-ws", "--port", it.environment["PORT"])
        it.run("web", *command, "bench._floor:application")
        until(lambda: answers(f"{it.url}/floor"), seconds=60, what="the web server")
        print(json.dumps(measured(int(it.environment["PORT"]), key, options.requests, options.shoppers), indent=1))
    return 0


def shop(products: int, shoppers: int, *, sources: Sequence[str] | None = None) -> str:
    """Fill the shop, train and promote a model (of all sources, or of some), let shoppers look at products; return a
    secret key."""
    import django

    django.setup()
    from access.services import create_key
    from modelops.services.gate import POPULARITY, held_out_case, judge_version
    from modelops.services.registry import promote, register
    from recsys.data.dataset import build
    from recsys.evaluation.report import training_report
    from recsys.training.training import refit_on_all, test_candidates, train

    items = catalog(products)
    fill(items)
    dataset = build(history(products, shoppers), items)
    print(f"training on {len(dataset)} interactions", flush=True)
    training = train(dataset, names=sources, progress=lambda step, share: print(f"{share:4.0%} {step}", flush=True))
    candidates = test_candidates(training.model, training.folds.test)
    report = training_report(training, candidates, dataset)
    model = refit_on_all(training, dataset, candidates.dataset(seed=training.plan.seed), manifest={})
    version = register(model, report=report, actor="system:bench").version
    case = held_out_case(training, report, dataset.user_ids, reference=None)
    judge_version(version, case, reference=POPULARITY, actor="system:bench")
    promote(version, actor="system:bench")
    print("released stage:", model.stage, flush=True)
    profiles(products, shoppers)
    return create_key(kind="sk", name="bench", scopes=["recommendations:read"])[1]


def catalog(products: int) -> pd.DataFrame:
    """Return products of forty categories."""
    numbers = np.arange(products)
    return pd.DataFrame(
        {
            "item_id": [f"P{number:05d}" for number in numbers],
            "title": [f"Thing {number} of kind {number % 40}" for number in numbers],
            "description": "",
            "category": [f"Department {number % 8}/Kind {number % 40}" for number in numbers],
            "brand": [f"Brand {number % 97}" for number in numbers],
            "price": 5.0 + numbers % 200,
        }
    )


def fill(items: pd.DataFrame) -> None:
    """Put the products into the catalog."""
    from catalog.services import bulk_upsert

    rows = [
        {"product_id": row.item_id, "title": row.title, "category": row.category.split("/"), "brand": row.brand,
         "price": f"{row.price:.2f}", "currency": "EUR"}
        for row in items.itertuples()
    ]  # fmt: skip
    bulk_upsert(rows, actor="system:bench")


def history(products: int, shoppers: int) -> pd.DataFrame:
    """Return views and purchases of shoppers who each like three of forty kinds."""
    random = np.random.default_rng(7)
    rows = []
    for shopper in range(shoppers):
        kinds = random.choice(40, 3, replace=False)
        count = int(random.integers(20, 60))
        chosen = random.choice(kinds, count) + 40 * random.integers(0, products // 40, count)
        times = 1_790_000_000 + np.sort(random.uniform(0, 90 * 86_400, count))
        rows += [(f"user:u{shopper}", f"P{item:05d}", at) for item, at in zip(chosen, times, strict=True)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    events = np.random.default_rng(8).choice(["view", "purchase"], len(frame), p=[0.7, 0.3])
    return frame.assign(event=events, value=1.0)


def profiles(products: int, shoppers: int) -> None:
    """Give each shopper consent and forty events."""
    from tests.personalization.shop import says, views

    random = np.random.default_rng(9)
    for shopper in range(min(shoppers, 200)):
        who = {"user_id": f"u{shopper}"}
        says(who)
        views(who, *(f"P{item:05d}" for item in random.integers(0, products, 40)))


def measured(port: int, key: str, requests: int, shoppers: int) -> dict[str, Any]:
    """Return latency one after the other, and throughput of four callers at once, of both."""
    paths = {
        "floor": lambda number: "/floor",
        "personal": lambda number: f"/api/v1/recommendations/home?user_id=u{number % min(shoppers, 200)}",
    }
    result: dict[str, Any] = {}
    sound(port, key, paths["personal"])
    for name, path in paths.items():
        took = calls(port, key, path, range(requests + 100))[100:]
        result[name] = {f"p{share}": round(float(np.percentile(took, share)), 2) for share in (50, 90, 99)}
    for name, path in paths.items():
        result[name]["per_second"] = round(at_once(port, key, path, requests))
    result["share"] = round(result["personal"]["per_second"] / result["floor"]["per_second"], 3)
    return result


def sound(port: int, key: str, path: Any) -> None:
    """Raise RuntimeError where an answer is not the live model's own to this shopper: a stranger's costs less."""
    for number in range(20):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", path(number), headers={"Authorization": f"Bearer {key}"})
        answer = json.loads(connection.getresponse().read())
        if not answer.get("personalized") or answer.get("degraded"):
            raise RuntimeError(f"not personalized: {answer.get('degraded')}")


def calls(port: int, key: str, path: Any, numbers: Any) -> list[float]:
    """Return the milliseconds of each call on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    took = []
    for number in numbers:
        began = time.perf_counter()
        connection.request("GET", path(number), headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        body = answer.read()
        took.append((time.perf_counter() - began) * 1000)
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {body[:200]!r}")
    return took


def at_once(port: int, key: str, path: Any, requests: int) -> float:
    """Return requests a second of four callers."""
    part = requests // CALLERS
    own = [range(caller * part, (caller + 1) * part) for caller in range(CALLERS)]
    began = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda numbers: calls(port, key, path, numbers), own))  # a caller's error is ours
    return CALLERS * part / (time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main())
