"""Seconds and peak memory of a full training without tuning, by number of interactions; about linear is the promise.

A synthetic shop of each size or, with `--folder`, the real `interactions.parquet` (and `items.parquet`) in it.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

DAY = 86_400.0


def history(rows: int, *, items: int | None = None, seed: int = 7) -> pd.DataFrame:
    """Return a synthetic year: long-tailed products and shoppers, each shopper returning to a taste of their own."""
    rng = np.random.default_rng(seed)
    shoppers, items = max(50, rows // 40), items or min(20_000, max(200, rows // 60))
    users = np.minimum(shoppers - 1, (shoppers * rng.random(rows) ** 1.5).astype(np.int64))
    center = (users * 7_919) % items
    own = (center + rng.geometric(0.05, rows)) % items
    common = np.minimum(items - 1, (items * rng.random(rows) ** 3).astype(np.int64))
    taken = np.where(rng.random(rows) < 0.7, own, common)
    return pd.DataFrame(
        {
            "user_id": np.char.add("u", users.astype(str)),
            "item_id": np.char.add("i", taken.astype(str)),
            "timestamp": np.sort(1.7e9 + 365 * DAY * rng.random(rows)),
            "event": "purchase",
        }
    )


def real(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the interactions of a folder and, where it has them, its items."""
    items = folder / "items.parquet"
    return pd.read_parquet(folder / "interactions.parquet"), pd.read_parquet(items) if items.exists() else None


def measured(frame: pd.DataFrame, items: pd.DataFrame | None = None) -> None:
    """Train once and print seconds, peak memory and the artefact's hash as JSON."""
    from personalization.training.dataset import build
    from personalization.training.pipeline import train

    started = time.monotonic()
    trained = train(
        build(frame, items), progress=lambda message, share: print(f"{share:4.0%} {message}", file=sys.stderr)
    )
    seconds = time.monotonic() - started
    with tempfile.TemporaryDirectory() as scratch:
        digest = trained.bundle.save(Path(scratch) / "bundle")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024 / 1e9  # Linux tells KiB
    print(json.dumps({"rows": len(frame), "seconds": round(seconds, 1), "peak_gb": round(peak, 2), "hash": digest}))


def main() -> int:
    """Measure each size in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[250_000, 1_000_000, 4_000_000])
    parser.add_argument("--items", type=int, help="how many products; else a sixtieth of the rows, 20,000 at most")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        measured(*real(options.folder))
        return 0
    if options.one:
        measured(history(options.one, items=options.items))
        return 0
    for rows in options.rows:
        wide = ["--items", str(options.items)] if options.items else []
        subprocess.run([sys.executable, "-m", "bench.training_cost", "--one", str(rows), *wide], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
