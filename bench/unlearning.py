"""Seconds to take erased shoppers out of a model of a million interactions, and whether a rebuild gives the same hash.

A synthetic shop with visits of four products, or the interactions of a folder. Random shoppers are erased one after
another, each from the model without those before. After 1, 10, 100, … erasures and at the end, the counts are built
from nothing but the rows left, with the same clock, and the hashes of both artifacts are compared. Ends with 1 where
they differ.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bench.training_cost import history, live, real
from recsys.data.dataset import Dataset, build
from recsys.data.interactions import Interactions
from recsys.data.item_fingerprints import item_fingerprints
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.ranking.unlearning import unlearn
from recsys.sources.fitting import fit_all
from recsys.sources.registry import RECOMMENDERS, make

VISIT_ROWS = 4
PROGRESS = 50
"""After so many erasures each the percentiles so far are printed."""
CHECKS = 1, 10, 100
"""After so many erasures the hash is compared with that of a rebuild."""


def main() -> int:
    """Print the percentiles of an erasure beside the seconds of a rebuild, and return 1 where the hashes differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="holds interactions.parquet and perhaps items.parquet")
    parser.add_argument("--shoppers", type=int, default=1000, help="how many are erased")
    parser.add_argument("--at-once", action="store_true", help="erase all of them in one step")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    frame, items = real(options.folder) if options.folder else live(history(options.rows))
    dataset = build(frame if options.folder else with_visits(frame), items)
    users = np.flatnonzero(dataset.interactions.active_users)
    erased = np.random.default_rng(options.seed).permutation(users)[: options.shoppers]
    steps = [erased] if options.at_once else list(erased[:, None])
    return 0 if report(dataset, steps) else 1


def with_visits(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with those of a shopper in groups of four, which share the time of the first."""
    visit = frame.groupby("user_id", sort=False).cumcount() // VISIT_ROWS
    times = frame.groupby(["user_id", visit], sort=False)["timestamp"].transform("first")
    return frame.assign(timestamp=times).sort_values("timestamp", kind="stable", ignore_index=True)


def report(dataset: Dataset, steps: list[np.ndarray]) -> bool:
    """Erase the shoppers of each step, print the figures, and return whether all hashes are equal."""
    rows, catalog = dataset.interactions, dataset.catalog
    names = [name for name, source in RECOMMENDERS.items() if source.unlearns]
    nothing = ItemStatistics.fit(rows.select(slice(0, 0)), catalog, until=0.0, rated=False)
    empty = HybridModel(catalog, {name: make(name) for name in names}, nothing, None, {}, {}, {"stage": "blend"})
    model, _ = rebuild(empty, rows)
    is_left = np.ones(rows.n_users, np.bool_)
    seconds, cpu_seconds, rebuilds, equal = [], [], [], True
    for number, users in enumerate(steps, 1):
        is_left[users] = False
        rest = rows.select(is_left[rows.users])
        begun, cpu = time.monotonic(), time.process_time()
        model = unlearn(model, rest, catalog.item_ids)
        seconds.append(time.monotonic() - begun)
        cpu_seconds.append(time.process_time() - cpu)
        if number % PROGRESS == 0:
            print(f"{number:,} of {len(steps):,}: {_figures(seconds)} seconds", flush=True)
        if number in CHECKS or number == len(steps):
            expected, cost = rebuild(model, replace(rest, clock=rows.now))
            rebuilds.append(cost)
            same = hash_of(model) == hash_of(expected)
            equal = equal and same
            print(f"after {number:,}: {'equal' if same else 'DIFFERENT'} hashes", flush=True)
    print(f"{len(rows):,} interactions, {catalog.n_items:,} products, {rows.n_users:,} shoppers; {', '.join(names)}")
    for label, own in (("seconds", seconds), ("processor seconds", cpu_seconds)):
        print(f"unlearning, {len(own):,} times: {_figures(own)} {label}")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        digest = model.save(Path(folder) / "model")
        written = time.monotonic()
        HybridModel.load(Path(folder) / "model", expected=digest)
        print(f"writing {written - begun:.2f} s, loading {time.monotonic() - written:.2f} s")
    wall, processor = np.median(rebuilds, axis=0)
    print(f"rebuild: {wall:.2f} seconds, {processor:.2f} processor seconds")
    ratios = wall / np.median(seconds), processor / np.median(cpu_seconds)
    print(f"rebuild over unlearning at the median: {ratios[0]:.1f} in seconds, {ratios[1]:.1f} in processor seconds")
    return equal


def _figures(seconds: list[float]) -> str:
    p50, p95 = np.percentile(seconds, [50, 95])
    return f"p50 {p50:.2f}, p95 {p95:.2f}, max {max(seconds):.2f}"


def rebuild(model: HybridModel, rows: Interactions) -> tuple[HybridModel, tuple[float, float]]:
    """Return the model with all counts learned from the rows alone, and the seconds and processor seconds it took."""
    begun, cpu = time.monotonic(), time.process_time()
    sources = fit_all({name: type(own)(own.config) for name, own in model.sources.items()}, rows, model.catalog)
    statistics = ItemStatistics.fit(rows, model.catalog, until=rows.now, rated=False)
    fingerprints = item_fingerprints(rows, model.catalog.n_items)
    fresh = replace(model, sources=sources, statistics=statistics, fingerprints=fingerprints)
    return fresh, (time.monotonic() - begun, time.process_time() - cpu)


def hash_of(model: HybridModel) -> str:
    """Return the hash of the model's artifact."""
    with tempfile.TemporaryDirectory() as folder:
        return model.save(Path(folder) / "model")


if __name__ == "__main__":
    sys.exit(main())
