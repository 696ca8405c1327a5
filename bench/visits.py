"""Our answers within visits beside tuned peers: the next item, of known and of new shoppers, and product pages.

    make bench-visits ARGS="FOLDER --budget 600"

Both protocols of `evaluate` are run with the peers that answer within visits. All are tuned on the same questions of
validation; `--budget` is in seconds, for our tuning and for all peers together. Shoppers without rows before the last
cut are hidden from training.
"""

import argparse
import json
import sys
from pathlib import Path

from bench.training_cost import real, show_progress
from recsys.data.dataset import build
from recsys.data.folds import Protocol
from recsys.evaluation.evaluate import Options, evaluate
from recsys.evaluation.peers.item_pairs import ITEM_PAIRS
from recsys.evaluation.report_lines import summary_lines
from recsys.evaluation.report_values import storable

PROTOCOLS: tuple[Protocol, ...] = ("next-item", "product-page")
PEERS = (
    *("most popular", "recent popular", "personal top", "RP3beta", "sequence rules", "VS-kNN", "VSTAN"),
    *(one.name for one in ITEM_PAIRS),
)
"""The peers that answer within visits; the others of `evaluate` are far behind there."""


def main() -> int:
    """Print the summary of both protocols."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds interactions.parquet and perhaps items.parquet")
    parser.add_argument("--protocol", choices=PROTOCOLS, action="append", help="both by default")
    parser.add_argument("--mode", choices=("repeat", "new"), default="repeat")
    parser.add_argument("--budget", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rows", type=int, help="the last so many only")
    parser.add_argument("--json", type=Path, help="write the reports, by protocol")
    options = parser.parse_args()
    frame, items = real(options.folder)
    frame = frame.sort_values("timestamp", kind="stable")
    dataset = build(frame[-options.rows :] if options.rows else frame, items)
    reports = {}
    for protocol in options.protocol or PROTOCOLS:
        asked = Options(
            protocol=protocol,
            new_only=options.mode == "new",
            with_peers=True,
            budget_s=options.budget,
            seed=options.seed,
            peer_names=PEERS,
        )
        reports[protocol] = evaluate(dataset, asked, progress=show_progress).report
        print("\n".join(summary_lines(reports[protocol])), flush=True)
    if options.json:
        options.json.write_text(json.dumps(storable(reports), indent=1, default=str) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
