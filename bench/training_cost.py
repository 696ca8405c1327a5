"""Seconds and peak memory of a full training without tuning, by number of interactions; about linear is the promise.

A synthetic shop of each size or, with `--folder`, the real `interactions.parquet` (and `items.parquet`) in it. A bare
one buys only; `--as-live` one as a running shop has it: a catalog, views and stars, bounded histories, and a champion
whose plan is fitted on the same past. `--twice` trains twice and ends with 1 where the artifacts' hashes differ.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from recsys.training.plan import Plan

DAY = 86_400.0
CHAMPIONS = 50_000
"""Rows of the training, not counted, whose plan the champion has."""
COLORS = ("red", "blue", "green", "grey", "black", "white", "brown")
KINDS = ("desk", "chair", "lamp", "rug", "sofa", "shelf", "bowl", "mug", "throw", "stool", "clock")


def history(rows: int, *, shoppers: int | None = None, items: int | None = None, seed: int = 7) -> pd.DataFrame:
    """Return a synthetic year: long-tailed products and shoppers, each shopper returning to a taste of their own."""
    rng = np.random.default_rng(seed)
    shoppers, items = shoppers or max(50, rows // 40), items or min(20_000, max(200, rows // 60))
    users = np.minimum(shoppers - 1, (shoppers * rng.random(rows) ** 1.5).astype(np.int64))
    center = (users * 7_919) % items
    own = (center + rng.geometric(0.05, rows)) % items
    common = np.minimum(items - 1, (items * rng.random(rows) ** 3).astype(np.int64))
    item_numbers = np.where(rng.random(rows) < 0.7, own, common)
    return pd.DataFrame(
        {
            "user_id": np.char.add("u", users.astype(str)),
            "item_id": np.char.add("i", item_numbers.astype(str)),
            "timestamp": np.sort(1.7e9 + 365 * DAY * rng.random(rows)),
            "event": "purchase",
        }
    )


def live(frame: pd.DataFrame, *, seed: int = 7) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the history with six views of ten rows and one rating, and a catalog of what is in it."""
    rng = np.random.default_rng(seed)
    signal = rng.choice(["view", "purchase", "rating"], len(frame), p=[0.6, 0.3, 0.1])
    stars = np.where(signal == "rating", rng.integers(1, 6, len(frame)), 1).astype(np.float64)
    ids = np.unique(frame["item_id"])
    number = np.arange(len(ids))
    items = pd.DataFrame(
        {
            "item_id": ids,
            "title": [f"{COLORS[at % 7]} {KINDS[at % 11]} {at // 77}" for at in number.tolist()],
            "category": [f"shop/{KINDS[at % 11]}" for at in number.tolist()],
            "brand": [f"brand {at % 97}" for at in number.tolist()],
            "price": 1 + rng.gamma(2.0, 20.0, len(ids)),
        }
    )
    return frame.assign(event=signal, value=stars), items


def real(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the interactions of a folder and, where it has them, its items."""
    items = folder / "items.parquet"
    return pd.read_parquet(folder / "interactions.parquet"), pd.read_parquet(items) if items.exists() else None


def show_progress(message: str, share: float) -> None:
    """Print what a training is at, beside what it finds."""
    print(f"{share:4.0%} {message}", file=sys.stderr)


def measured(frame: pd.DataFrame, items: pd.DataFrame | None = None, *, as_live: bool = False) -> None:
    """Train once and print seconds, peak memory and the artifact's hash as JSON."""
    from profiles.history import MAX_INTERACTIONS
    from recsys.data.dataset import build
    from recsys.evaluation.report import training_report
    from recsys.training.refit import refit_champion
    from recsys.training.training import refit_on_all, test_candidates, train

    plan = champions(frame[:CHAMPIONS], items) if as_live else None
    max_events = MAX_INTERACTIONS if as_live else None
    started = time.monotonic()
    dataset = build(frame, items)
    training = train(dataset, progress=show_progress, max_events=max_events)
    candidates = test_candidates(training.model, training.folds.test)
    training_report(training, candidates, dataset, max_events=max_events)
    if plan is not None:
        earlier = [*training.folds.learning, training.folds.validation]
        refit_champion(plan, earlier, training.folds.test, challenger=training.model, progress=show_progress)
    test_dataset = candidates.dataset(seed=training.plan.seed)
    del candidates
    model = refit_on_all(training, dataset, test_dataset, manifest={}, max_events=max_events, progress=show_progress)
    seconds = time.monotonic() - started
    with tempfile.TemporaryDirectory() as scratch:
        digest = model.save(Path(scratch) / "model")
        size = sum(one.stat().st_size for one in Path(scratch).rglob("*") if one.is_file())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024 / 1e9  # Linux tells KiB
    print(
        json.dumps(
            {
                "rows": len(frame),
                "seconds": round(seconds, 1),
                "cpu": round(time.process_time(), 1),
                "peak_gb": round(peak, 2),
                "model_mb": round(size / 1e6, 1),
                "hash": digest,
            }
        )
    )


def champions(frame: pd.DataFrame, items: pd.DataFrame | None) -> "Plan | None":
    """Return the plan of a champion trained on these rows, of which nothing else is kept: a shop has it on the disk."""
    from profiles.history import MAX_INTERACTIONS
    from recsys.data.dataset import build
    from recsys.training.plan import plan_of
    from recsys.training.training import train

    return plan_of(json.loads(json.dumps(train(build(frame, items), max_events=MAX_INTERACTIONS).model.manifest)))


def main() -> int:
    """Measure each size in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[250_000, 1_000_000, 4_000_000])
    parser.add_argument("--shoppers", type=int, help="how many shoppers; else a fortieth of the rows, 50 at least")
    parser.add_argument("--items", type=int, help="how many products; else a sixtieth of the rows, 20,000 at most")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--as-live", action="store_true")
    parser.add_argument("--twice", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        measured(*real(options.folder), as_live=options.as_live)
        return 0
    if options.one:
        frame = history(options.one, shoppers=options.shoppers, items=options.items)
        measured(*(live(frame) if options.as_live else (frame,)), as_live=options.as_live)
        return 0
    same = True
    for rows in options.rows:
        shape = {"--shoppers": options.shoppers, "--items": options.items}
        more = [word for name, count in shape.items() if count for word in (name, str(count))]
        more += ["--as-live"] * options.as_live
        command = [sys.executable, "-m", "bench.training_cost", "--one", str(rows), *more]
        hashes = set()
        for _ in range(1 + options.twice):
            line = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            print(line, end="", flush=True)
            hashes.add(json.loads(line)["hash"])
        same = same and len(hashes) == 1
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
