"""Our answers within visits beside tuned peers: the next item, of known and of new shoppers, and product pages.

    make bench-visits ARGS="FOLDER --budget 600"

The questions are those of `evaluate --protocol next-item` and `product-page`, and so are the peers, without those that
are far behind within visits. All are tuned on the same questions of validation; `--budget` is in seconds, for our
tuning and for all peers together. Shoppers without rows before the last cut are hidden from training.
"""

import argparse
import sys
from pathlib import Path

from bench.training_cost import real, show_progress
from recsys.data.dataset import Dataset, build
from recsys.data.folds import Protocol
from recsys.evaluation.evaluate import Options, compare_peers, folds_of
from recsys.evaluation.peers.item_pairs import ITEM_PAIRS
from recsys.evaluation.report import released_slates
from recsys.evaluation.report_lines import visit_lines
from recsys.training.training import test_candidates, train_on

PROTOCOLS: tuple[Protocol, ...] = ("next-item", "product-page")
PEERS = (
    *("most popular", "recent popular", "personal top", "RP3beta", "sequence rules", "VS-kNN", "VSTAN"),
    *(one.name for one in ITEM_PAIRS),
)
"""The peers that answer within visits; the others of `evaluate` are far behind there."""


def main() -> int:
    """Print the comparisons of both protocols."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds interactions.parquet and perhaps items.parquet")
    parser.add_argument("--protocol", choices=PROTOCOLS, action="append", help="both by default")
    parser.add_argument("--mode", choices=("repeat", "new"), default="repeat")
    parser.add_argument("--budget", type=float, default=0.0)
    parser.add_argument("--sources", nargs="*", help="our sources, all by default")
    parser.add_argument("--rows", type=int, help="the last so many only")
    options = parser.parse_args()
    frame, items = real(options.folder)
    frame = frame.sort_values("timestamp", kind="stable")
    dataset = build(frame[-options.rows :] if options.rows else frame, items)
    for protocol in options.protocol or PROTOCOLS:
        evaluation_options = Options(
            protocol=protocol,
            new_only=options.mode == "new",
            budget_s=options.budget,
            names=tuple(options.sources) if options.sources else None,
            peer_names=PEERS,
        )
        report(dataset, evaluation_options)
    return 0


def report(dataset: Dataset, options: Options) -> None:
    """Train, tune the peers, ask and print."""
    folds = folds_of(dataset, options)
    test = folds.test
    trained = train_on(folds, budget_s=options.budget_s, seed=options.seed, names=options.names, progress=show_progress)
    slates, _ = released_slates(trained.model, test_candidates(trained.model, test))
    print(f"{options.protocol}: {len(test)} questions, {test.newcomers.sum()} of new shoppers; {trained.plan.stage}")
    judges = [folds.validation, *reversed(folds.learning)]
    compared = compare_peers(slates, judges, test, dataset, options, show_progress)
    for name, peer in compared["peers"].items():
        print(f"  {name}: {peer['tried']} settings tried, {peer['config']}")
    print("\n".join(visit_lines(compared["visit_bars"])), flush=True)


if __name__ == "__main__":
    sys.exit(main())
