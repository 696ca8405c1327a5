"""What an objective of a placement costs and earns at each strength, on what shoppers really took next.

    make bench-objective ARGS="FOLDER --mode new"

A model is trained on a folder of interactions and asked about the last 15 %. Its lists are then ordered for each
objective at each strength, as serving orders them. Hits are what shoppers took next. *Found* is what the hits are worth
in money per list; *estimate* is what the page of a placement would say, which knows no hits. Prices come from the
folder's items, or `--prices`. No folder tells costs: margins are planted, from 10 to 60 % of the price by lot.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from bench._results import write_results
from bench.training_cost import real, show_progress
from personalization.rules.objective import by_objective, factors_of
from recsys.arrays import Doubles, Ints
from recsys.data.dataset import build
from recsys.data.folds import Fold
from recsys.evaluation.evaluate import Options, folds_of
from recsys.evaluation.report import stage_scores
from recsys.metrics.hits import hits
from recsys.metrics.intervals import bootstrap
from recsys.metrics.registry import values_with_targets
from recsys.training.slates import slates
from recsys.training.training import test_candidates, train_on

STRENGTHS = (0, 10, 25, 50, 75, 100)
CANDIDATES, SIZE = 100, 10
LEAST_MARGIN, MOST_MARGIN = 0.1, 0.6


def main() -> int:
    """Print NDCG@10, the hit rate, and money per list at each strength, and their differences to relevance alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds interactions.parquet and perhaps items.parquet")
    parser.add_argument("--mode", choices=("repeat", "new"), default="repeat")
    parser.add_argument("--prices", type=Path, help="a parquet file of item_id and price")
    parser.add_argument("--sources", nargs="+", help="these only; else all that are ranked")
    options = parser.parse_args()
    frame, items = real(options.folder)
    dataset = build(frame, items)
    folds = folds_of(dataset, Options(new_only=options.mode == "new"))
    training = train_on(folds, progress=show_progress, names=options.sources)
    pairs, scores = stage_scores(training.model, test_candidates(training.model, folds.test), training.model.stage)
    ranked, test = slates(pairs, scores, k=CANDIDATES), folds.test
    prices = _prices(pd.read_parquet(options.prices) if options.prices else items, test.full_catalog.item_ids)
    shares = np.random.default_rng(7).uniform(LEAST_MARGIN, MOST_MARGIN, len(prices))
    print(f"{options.folder.name}, {options.mode}: {len(test):,} questions, stage {training.model.stage}")
    _print_places(ranked, test)
    results = {}
    for name, values in (("revenue", prices), ("margin", prices * shares)):
        results[name] = _report(name, ranked, test, values)
    write_results(f"objective-{options.folder.name}-{options.mode}", results)
    return 0


def _prices(items: pd.DataFrame | None, item_ids: tuple[str, ...]) -> Doubles:
    if items is None or "price" not in items:
        raise SystemExit("No prices: the folder's items have none. Name a file with --prices.")
    price_by_id = dict(zip(items.item_id.astype(str), items.price.astype(float), strict=True))
    return np.array([price_by_id.get(name, np.nan) for name in item_ids])


def _print_places(ranked: Ints, test: Fold) -> None:
    """Print how often each place is hit, beside the discount of NDCG that the estimate takes for it."""
    rates = hits(ranked, test.targets, test.n_items).mean(axis=0)
    first = rates[0] or np.nan
    parts = ", ".join(
        f"{place}: {rates[place - 1] / first:.2f} ({1 / np.log2(place + 1):.2f})" for place in (2, 3, 5, 10, 20, 50)
    )
    print(f"hits by place, as a share of the first (1 / log2(n + 1)): {parts}")


def _report(name: str, ranked: Ints, test: Fold, values: Doubles) -> Mapping[str, Mapping[str, float]]:
    factors, worth = factors_of(values, np.ones(len(values), np.bool_)), np.nan_to_num(values)
    lines: dict[str, dict[str, float]] = {}
    base: dict[str, Doubles] = {}
    for percent in STRENGTHS:
        lists, weights = _reordered(ranked, factors, percent)
        hit = hits(lists, test.targets, test.n_items)
        per_list = {
            "NDCG@10": values_with_targets(lists, test.targets, test.n_items, metric="ndcg")[1],
            "hit rate": hit.any(axis=1).astype(np.float64),
            f"{name} found": (hit * worth[lists] * (lists >= 0)).sum(axis=1),
            "clicks, estimate": weights.sum(axis=1),
            f"{name}, estimate": (weights * worth[lists]).sum(axis=1),
        }
        base = base or per_list
        parts = []
        for what, own in per_list.items():
            change, today = bootstrap(own - base[what]), base[what].mean()
            low, high = (100 * end / today for end in (change.low, change.high))
            parts.append(f"{what} {own.mean():.4f} {100 * change.value / today:+6.1f} % [{low:+.1f}, {high:+.1f}]")
            lines.setdefault(str(percent), {})[what] = float(own.mean())
        print(f"{name:8} {percent:3} %  " + "   ".join(parts))
    return lines


def _reordered(ranked: Ints, factors: Doubles, percent: int) -> tuple[Ints, Doubles]:
    """Return int32[n, SIZE], the heads of the reordered lists, each product's discount by relevance."""
    lists, weights = np.full((len(ranked), SIZE), -1, np.int32), np.zeros((len(ranked), SIZE))
    for row, items in enumerate(ranked):
        own = items[items >= 0]
        order = by_objective(np.arange(len(own), dtype=np.int32), factors[own], percent)[:SIZE]
        lists[row, : len(order)], weights[row, : len(order)] = own[order], 1 / np.log2(2 + order)
    return lists, weights


if __name__ == "__main__":
    sys.exit(main())
