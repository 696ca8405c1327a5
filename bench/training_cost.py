"""Seconds and peak memory of a full training without tuning, by number of interactions; about linear is the promise."""

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd

DAY = 86_400.0


def history(rows: int, *, seed: int = 7) -> pd.DataFrame:
    """Return a synthetic year: long-tailed products and shoppers, each shopper returning to a taste of their own."""
    rng = np.random.default_rng(seed)
    shoppers, items = max(50, rows // 40), min(20_000, max(200, rows // 60))
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


def measured(rows: int) -> None:
    """Train once and print seconds, peak memory and the artefact's hash as JSON."""
    import tempfile
    from pathlib import Path

    from personalization.training.dataset import build
    from personalization.training.pipeline import train

    frame = history(rows)
    started = time.monotonic()
    trained = train(build(frame), progress=lambda message, share: print(f"{share:4.0%} {message}", file=sys.stderr))
    seconds = time.monotonic() - started
    with tempfile.TemporaryDirectory() as scratch:
        digest = trained.bundle.save(Path(scratch) / "bundle")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024 / 1e9  # Linux tells KiB
    print(json.dumps({"rows": rows, "seconds": round(seconds, 1), "peak_gb": round(peak, 2), "hash": digest}))


def main() -> int:
    """Measure each size in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[250_000, 1_000_000, 4_000_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measured(options.one)
        return 0
    for rows in options.rows:
        subprocess.run([sys.executable, "-m", "bench.training_cost", "--one", str(rows)], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
