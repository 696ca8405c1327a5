"""How long a web worker of a large shop takes to serve a change: a price, a new product, another model.

Products are synthetic, and two model versions have files as large as those of such a shop. The tables of `content` are
random, because comparing all products takes an hour. Each line is one step of the worker: seconds of CPU time, the
longest wait of a request for the interpreter, and the memory of the process after it.
"""

import argparse
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pandas as pd

if TYPE_CHECKING:  # Django is set up after this file is read
    from catalog.records import ProductRow

WORDS = [f"{kind}{number}" for number in range(400) for kind in ("oak", "wool", "blue", "long", "soft")]
SOURCES = ("popular", "trending", "rp3beta", "covisitation", "content", "new_arrivals")
DAY = 86_400
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    sizes(parser, rounds=3)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("SECRET_KEY", "only-for-measuring-" + "x" * 40)
    import django

    django.setup()
    with tempfile.TemporaryDirectory() as scratch:
        follow(options, options.models or Path(scratch))
    return 0


def sizes(parser: argparse.ArgumentParser, *, rounds: int) -> None:
    """Let the shop and its models be told otherwise than they are measured by default."""
    parser.add_argument("--products", type=int, default=200_000)
    parser.add_argument("--interactions", type=int, default=1_000_000)
    parser.add_argument("--neighbors", type=int, default=80, help="entries of each product in a table by chance")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--models", type=Path, help="where the two versions are kept, for another run")


def product(number: int) -> "ProductRow":
    """Return a product as a shop would put it."""
    from catalog.records import ProductRow

    words = [WORDS[(number * 7919 + place * place * 104_729) % len(WORDS)] for place in range(30)]
    kind = number % 500
    return ProductRow(
        product_id=f"P{number:07d}",
        title=" ".join(words[:6]),
        description=" ".join(words),
        category=(f"Department {kind % 12}", f"Kind {kind % 80}", f"Sort {kind}"),
        brand=f"Brand {number % 2_000}",
        price=Decimal(f"{5 + number % 300}.90"),
        compare_at_price=None,
        cost=None,
        currency="EUR",
        stock=number % 40,
        active=True,
        group_id=f"G{number // 3}" if number % 5 == 0 else "",
        attributes={"color": words[1], "size": ["S", "M", "L"][number % 3], "material": words[2][:4]},
        url=f"https://shop.test/products/{number}",
        image_url=f"https://shop.test/pictures/{number}.jpg",
        available_from=None,
        first_seen=NOW - timedelta(minutes=number),
        removed=False,
    )


def model(rows: "list[ProductRow]", options: argparse.Namespace, directory: Path, *, seed: int) -> None:
    """Make a model of the whole shop by the code that trains, and write its files, unless they are there."""
    from catalog.frames import items_frame
    from recsys.data.dataset import build
    from recsys.ranking.item_statistics import ItemStatistics
    from recsys.ranking.model import HybridModel
    from recsys.sources.content import Content
    from recsys.sources.registry import make

    if directory.exists():
        return
    dataset = build(history(options, seed), items_frame(rows))
    with mock.patch.object(Content, "_similarity", by_chance(options.neighbors)):
        sources = {name: make(name).fit(dataset.interactions, dataset.catalog) for name in SOURCES}
    until = float(dataset.interactions.times.max())
    statistics = ItemStatistics.fit(dataset.interactions, dataset.catalog, until=until)
    even = dict.fromkeys(sources, 1.0)
    manifest = {"stage": "blend", "single": "rp3beta", "seed": seed}
    HybridModel(dataset.catalog, sources, statistics, None, dict.fromkeys(sources, 50), even, manifest).save(directory)


def by_chance(neighbors: int) -> Callable[..., Iterator[Any]]:
    """Return what stands in for the comparison of all products: so many neighbors of each, and how alike, by chance."""
    from scipy import sparse

    def similar(_: Any, words: Any, *rest: Any) -> Iterator[Any]:
        n, size, random = words.shape[0], 20_000, np.random.default_rng(5)
        for start in range(0, n, size):
            columns = random.integers(0, n, (min(size, n - start), neighbors))
            cells = random.random(columns.size, np.float32), columns.ravel(), np.arange(0, columns.size + 1, neighbors)
            yield sparse.csr_matrix(cells, shape=(len(columns), n))

    return similar


def history(options: argparse.Namespace, seed: int) -> pd.DataFrame:
    """Return what shoppers did in ninety days: twenty events each, on few products of many."""
    random = np.random.default_rng(seed)
    n = options.interactions
    item = np.minimum(options.products * random.random(n) ** 2, options.products - 1).astype(np.int64)
    return pd.DataFrame(
        {
            "user_id": [f"user:u{number // 20}" for number in range(n)],
            "item_id": [f"P{number:07d}" for number in item],
            "timestamp": NOW.timestamp() - random.uniform(0, 90 * DAY, n),
            "event": random.choice(["view", "purchase"], n, p=[0.7, 0.3]),
            "value": 1.0,
        }
    )


def follow(options: argparse.Namespace, models: Path) -> None:
    """Follow changes as a worker does and print what each took."""
    from personalization.serving.snapshot import Snapshot
    from personalization.serving.snapshot_refresher import freeze_garbage_collection
    from recsys.ranking.model import HybridModel

    rows = {row.product_id: row for row in map(product, range(options.products))}
    folders = [models / str(seed) for seed in (1, 2)]
    for seed, folder in enumerate(folders):
        model(list(rows.values()), options, folder, seed=seed)
    size = sum(one.stat().st_size for one in folders[0].rglob("*") if one.is_file())
    print(f"{len(rows):,} products, {size / 1e6:,.0f} MB of files of each version", flush=True)

    parts: dict[str, Any] = {"placements": {}, "rules": [], "now": NOW}

    def build(bundle: HybridModel, before: Snapshot | None) -> Snapshot:
        snapshot_built = Snapshot.build(bundle=bundle, model_version=None, rows=rows.values(), before=before, **parts)
        _ = snapshot_built.serving_catalog.kinship, snapshot_built.onboarding_cache.space
        return snapshot_built

    def timed(name: str, step: Callable[..., Any], *arguments: Any) -> Any:
        with waiting() as stalls:
            began = time.process_time()
            result = step(*arguments)
            took = time.process_time() - began
        print(f"{name:20} {took:6.2f} s  {1e3 * max(stalls):4.0f} ms  {memory():6,.0f} MB", flush=True)
        return result

    first = timed("load a version", HybridModel.load, folders[0])
    snapshot = timed("first snapshot", build, first, None)
    timed("freeze_garbage_collection", freeze_garbage_collection)
    bundles = [first, timed("load another version", HybridModel.load, folders[1])]
    for number in range(options.rounds):
        row = rows[f"P{number:07d}"] = replace(product(number), stock=0)
        snapshot = timed("a stock", lambda one, before: before.with_changes([one], **parts), row, snapshot)
    for number in range(options.rounds):
        row = product(options.products + number)
        rows[row.product_id] = row
        snapshot = timed("a new product", build, bundles[0], snapshot)
    for number in range(options.rounds):
        snapshot = timed("another version", build, bundles[(number + 1) % 2], snapshot)


@contextmanager
def waiting() -> Iterator[list[float]]:
    """Yield what another thread, which wants to wake every millisecond, is late by each time, in seconds."""
    late, ended = [0.0], threading.Event()

    def wait() -> None:
        while not ended.is_set():
            began = time.perf_counter()
            time.sleep(0.001)
            late.append(time.perf_counter() - began - 0.001)

    other = threading.Thread(target=wait)
    other.start()
    try:
        yield late
    finally:
        ended.set()
        other.join()


def memory() -> float:
    """Return how many megabytes the process holds, files that are mapped among them."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


if __name__ == "__main__":
    sys.exit(main())
