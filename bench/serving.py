"""Answers over HTTP beside the same server's fixed JSON after one Redis round trip: throughput, CPU, latency.

    make bench-serving ARGS="--products 20000 --shoppers 100000"

A fresh installation, a shop of synthetic tastes, a released ranker over all sources, one web worker. The client is
`wrk` (capacity) and `h2load` (a fixed rate), which Debian has as packages of these names (h2load in nghttp2-client).
Uncached requests come from more shoppers than the process remembers; cached ones from 200. CPU is the web worker's own,
exposures and refresh included. Figures go to `bench/results/serving.json`.

`--before COMMIT` first measures the code of an earlier commit by the same bench, and prints both.
"""

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from bench._before import environment_of, tree_of
from bench._load import clients_missing, lua_list, run, serve, wrk
from bench._results import write_results
from bench._stage import ROOT, Stage, stage
from recsys.data.dataset import Dataset, build
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.ranking.ranker import NETWORK
from recsys.sources.fitting import fit_all
from recsys.training.plan import Plan, ranked_sources
from recsys.training.ranking_dataset import ranking_dataset
from recsys.training.refit import refit
from recsys.training.training import LAMBDAMART, refit_on_all, split, test_candidates, train

CONNECTIONS: Final = 8
CACHED_SHOPPERS: Final = 200
SHARE_OF_CAPACITY: Final = 0.7
"""The load at which latency is measured."""
PAGE: Final = ("home", "product", "similar", "bundle", "trending")
QUESTIONS, QUOTA, TREES, STEPS = 1_000, 20, 120, 500
"""Of the released ranker: some 200 candidates, as many trees as the pipeline usually keeps, a network."""


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--shoppers", type=int, default=20_000, help="with a profile")
    parser.add_argument("--events", type=int, default=40, help="views of a shopper with a profile")
    parser.add_argument("--trained", type=int, default=4_000, help="shoppers that the model learns from")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--workers", type=int, default=1, help="web workers")
    parser.add_argument("--sources", nargs="*", help="train these only, for a short run")
    parser.add_argument("--before", metavar="COMMIT", help="measure this commit's code too")
    options = parser.parse_args()
    if clients_missing():
        return 2
    before = measured_before(options) if options.before else None
    with stage() as it:
        os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings", "SERVING_REFRESH": "inline"})
        key = shop(options.products, options.trained, sources=options.sources, train=released)
        profiles(options.products, options.shoppers, per_shopper=options.events)
        serve(it, workers=options.workers)
        figures = measured(it, key, options)
    if before:
        figures["before"] = before
    print(json.dumps(figures, indent=1))
    write_results("serving", figures)
    return 0


def measured_before(options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of an earlier commit's code, measured by today's bench."""
    words = [f"--{name}={value}" for name, value in vars(options).items() if name not in ("before", "sources")]
    if options.sources:
        words += ["--sources", *options.sources]
    with tree_of(options.before) as tree:
        shutil.copytree(ROOT / "bench", tree / "bench", dirs_exist_ok=True)
        command = [sys.executable, "-m", "bench.serving", *words]
        subprocess.run(command, cwd=tree, env=environment_of(tree), check=True)
        figures: dict[str, Any] = json.loads((tree / "bench" / "results" / "serving.json").read_text())
    return figures


Train = Callable[[Dataset, Sequence[str] | None], HybridModel]


def shop(products: int, shoppers: int, *, train: Train, sources: Sequence[str] | None = None) -> str:
    """Fill the shop, train by `train` on all sources, or on some, promote the model; return a secret key."""
    import django

    django.setup()
    from access.services import create_key
    from modelops.services.registry import promote
    from tests.modelops.releases import passed_version

    items = catalog(products)
    fill(items)
    dataset = build(history(products, shoppers), items)
    print(f"training on {len(dataset)} interactions", flush=True)
    model = train(dataset, sources)
    promote(passed_version(model), actor="system:bench")
    print("released stage:", model.stage, flush=True)
    return create_key(kind="sk", name="bench", scopes=["recommendations:read"])[1]


def trained(dataset: Dataset, sources: Sequence[str] | None) -> HybridModel:
    """Return the model that the pipeline would release."""
    training = train(dataset, names=sources)
    candidates = test_candidates(training.model, training.folds.test)
    return refit_on_all(training, dataset, candidates.dataset(seed=training.plan.seed), manifest={})


def released(dataset: Dataset, sources: Sequence[str] | None) -> HybridModel:
    """Return a model whose ranker is released, of the size that the pipeline's have, without its search."""
    names, rows = sources or ranked_sources(), dataset.interactions
    fold = split(dataset, max_events=None).validation.sample(QUESTIONS, seed=7)
    members = ((LAMBDAMART, TREES), ({"objective": NETWORK}, STEPS))
    plan = Plan({}, dict.fromkeys(names, QUOTA), dict.fromkeys(names, 1.0), single=names[0], stage="ranker",
                members=members)  # fmt: skip
    fitted = fit_all(plan.sources(), fold.past, fold.catalog)
    statistics = ItemStatistics.fit(fold.past, fold.catalog, until=fold.until)
    learned = ranking_dataset(fitted, statistics, fold, quotas=plan.quotas, seed=7)
    return refit(plan, rows, dataset.catalog, [learned], until=float(rows.times[-1]), unranked=True)


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


def profiles(products: int, shoppers: int, *, per_shopper: int = 40) -> None:
    """Give each shopper consent and so many views of the last month."""
    from common import clock, redis
    from common.ids import uuid7
    from common.pseudonyms import pseudonym
    from consents import cache
    from consents.state import Decision
    from events.types.base import Event
    from profiles.services import apply_events

    random, now = np.random.default_rng(9), clock.epoch_us()
    for start in range(0, shoppers, 200):
        pipe, events = redis.client().pipeline(transaction=False), []
        for shopper in range(start, min(start + 200, shoppers)):
            user = pseudonym(f"u{shopper}")
            cache.apply_all(pipe, f"user:{user}", {"personalization": Decision(True, now, f"c{shopper}")})
            ages = np.sort(random.uniform(0, 30 * 86_400_000_000, per_shopper))[::-1]
            for item, age in zip(random.integers(0, products, per_shopper), ages, strict=True):
                events.append(
                    Event(
                        message_id=str(uuid7()),
                        kind="track",
                        name="Product Viewed",
                        at=now - int(age),
                        received_at=now,
                        user_id=user,
                        properties={"product_id": f"P{item:05d}"},
                        allowed=("analytics", "personalization"),
                        source="bench",
                    )
                )
        pipe.execute()
        apply_events(events, offsets={})


def measured(it: Stage, key: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return throughput, CPU and latency of each kind of request."""
    everybody, few = range(options.shoppers), range(min(CACHED_SHOPPERS, options.shoppers))
    products = options.products
    kinds: dict[str, list[str]] = {
        "floor": ["/floor"],
        "uncached": [home(shopper) for shopper in everybody],
        "cached": [home(shopper) for shopper in few],
        "product": [f"{placement('product', shopper)}&product_id=P{shopper % products:05d}" for shopper in everybody],
        "cart": [
            f"{placement('cart', shopper)}&product_id=P{shopper % products:05d}"
            f"&product_id=P{7 * shopper % products:05d}"
            for shopper in everybody
        ],
    }
    sound(it, key, kinds)
    figures: dict[str, Any] = {"products": products, "shoppers": options.shoppers}
    load = Load(it, key)
    for name, paths in kinds.items():
        rate, cpu = load.capacity(paths, options.seconds)
        figures |= {f"{name}_per_s": round(rate), f"{name}_cpu_ms": round(cpu, 3)}
        print(f"{name}: {rate:,.0f}/s, {cpu:.2f} ms of CPU", flush=True)
    rate, cpu = load.capacity(["/api/v1/page"], options.seconds, bodies=[page(shopper) for shopper in everybody])
    figures |= {"page_per_s": round(rate), "page_cpu_ms": round(cpu, 3)}
    for name in ("uncached", "cached"):
        figures[f"{name}_over_floor"] = round(figures[f"{name}_per_s"] / figures["floor_per_s"], 3)
    figures |= load.latency(kinds["uncached"], SHARE_OF_CAPACITY * figures["uncached_per_s"], options.seconds)
    return figures


def home(shopper: int) -> str:
    """Return the path of a shopper's home."""
    return placement("home", shopper)


def placement(name: str, shopper: int) -> str:
    """Return the path of a placement for a shopper."""
    return f"/api/v1/recommendations/{name}?user_id=u{shopper}"


def page(shopper: int) -> str:
    """Return the body of a page of five."""
    product = f"P{shopper % 1000:05d}"
    slots = [{"placement": name, "product_id": product, "deadline_ms": 5_000} for name in PAGE]
    return json.dumps({"user_id": f"u{shopper}", "placements": slots})


def sound(it: Stage, key: str, kinds: dict[str, list[str]]) -> None:
    """Raise RuntimeError where an answer is not the live model's own to this shopper: a stranger's costs less."""
    connection = http.client.HTTPConnection("127.0.0.1", int(it.environment["PORT"]))
    for name, paths in kinds.items():
        for path in paths[:20] if name != "floor" else ():
            connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
            answer = json.loads(connection.getresponse().read())
            if not answer.get("personalized") or answer.get("degraded") or not answer.get("items"):
                raise RuntimeError(f"{path}: not personal: {answer}")


class Load:
    """Loads the web server of a stage by `wrk` and `h2load`."""

    def __init__(self, it: Stage, key: str) -> None:
        self.it, self.key = it, key

    def capacity(
        self, paths: Sequence[str], seconds: float, *, bodies: Sequence[str] = (), connections: int = CONNECTIONS
    ) -> tuple[float, float]:
        """Return requests a second of as many as the server takes, and the CPU milliseconds of one.

        Raises RuntimeError if an answer is not 200.
        """
        script = LUA % (lua_list(paths), lua_list(bodies), self.key)
        wrk(self.it, script, seconds=2, connections=connections)
        rate = wrk(self.it, script, seconds=seconds, connections=connections)
        return rate.per_s, 1000 * rate.cpu_s / rate.requests

    def latency(self, paths: Sequence[str], rate: float, seconds: float) -> dict[str, float]:
        """Return percentiles in milliseconds at a fixed rate of arrivals."""
        with tempfile.TemporaryDirectory() as folder:
            urls, log = Path(folder) / "urls", Path(folder) / "log"
            urls.write_text("\n".join(f"{self.it.url}{path}" for path in paths[:50_000]))
            each = max(1, round(rate / CONNECTIONS))
            command = [
                "h2load",
                "--h1",
                "-t1",
                f"-c{CONNECTIONS}",
                f"--rps={each}",
                f"-n{int(each * CONNECTIONS * seconds)}",
            ]
            command += ["-H", f"Authorization: Bearer {self.key}", f"--log-file={log}", f"--input-file={urls}"]
            run(*command)
            rows = [line.split("\t") for line in log.read_text().splitlines()]
        if any(row[1] != "200" for row in rows):
            raise RuntimeError("an answer under load was not 200")
        took = np.array([int(row[2]) for row in rows]) / 1000
        result = {f"p{share}_ms": round(float(np.percentile(took, share)), 2) for share in (50, 90, 99)}
        return {"rate_per_s": round(each * CONNECTIONS), **result}


LUA: Final = """
local paths, bodies, at = {%s}, {%s}, 0
wrk.headers["Authorization"] = "Bearer %s"
wrk.headers["Content-Type"] = "application/json"
request = function()
  at = at + 1
  if #bodies > 0 then return wrk.format("POST", paths[1], nil, bodies[at %% #bodies + 1]) end
  return wrk.format("GET", paths[at %% #paths + 1])
end
"""


if __name__ == "__main__":
    sys.exit(main())
