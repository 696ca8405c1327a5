"""Gain and cost of an increment: the same questions to a model as trained, with an increment, and trained again.

A model is trained on the rows before ⌊.70 n⌋ of a folder. The questions ask what shoppers take from row ⌊.85 n⌋ on,
with their histories until then. Three models answer: as trained, with an increment made at that row, and trained again
there. Weeks lie between the two rows. A running shop makes increments within minutes, so each gains less.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.training_cost import real, show_progress
from recsys.arrays import Doubles
from recsys.data.dataset import Dataset, build
from recsys.data.folds import Fold
from recsys.evaluation.evaluate import Options, folds_of, warm_values
from recsys.evaluation.report import released_slates
from recsys.metrics.intervals import bootstrap
from recsys.ranking.increment import fit_increment
from recsys.ranking.model import HybridModel
from recsys.training.refit import refit
from recsys.training.training import test_candidates, train_on

SHARES = (0.55, 0.70)
"""Validation of the model that was trained lies between these cuts; it knows no row behind the last."""


def main() -> int:
    """Print NDCG@10 of the three, the differences to the first, and what the increment cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds interactions.parquet and perhaps items.parquet")
    parser.add_argument("--mode", choices=("repeat", "new"), default="repeat")
    parser.add_argument("--rows", type=int, help="the first so many only")
    parser.add_argument("--sources", nargs="+", help="these only; else all that are ranked")
    options = parser.parse_args()
    frame, items = real(options.folder)
    dataset = build(frame[: options.rows], items)
    report(dataset, new_only=options.mode == "new", names=options.sources)
    return 0


def report(dataset: Dataset, *, new_only: bool, names: Sequence[str] | None = None) -> None:
    """Train, make the increment, train again; ask and print."""
    folds = folds_of(dataset, Options(new_only=new_only, shares=SHARES))
    morning, evening = folds.test, folds_of(dataset, Options(new_only=new_only)).test
    training = train_on(folds, progress=show_progress, names=names)
    catalog = evening.catalog

    def trained(fold: Fold) -> HybridModel:
        return refit(training.plan, fold.past, fold.catalog, training.datasets, until=fold.until)

    begun = time.monotonic()
    as_trained = trained(morning)
    refitting = time.monotonic() - begun
    begun = time.monotonic()
    fresh = fit_increment(as_trained, evening.past, catalog)
    fitting = time.monotonic() - begun
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        digest = fresh.save(Path(scratch) / "increment")
        writing_s = time.monotonic() - begun
        megabytes = sum(one.stat().st_size for one in Path(scratch).rglob("*") if one.is_file()) / 1e6
        begun = time.monotonic()
        HybridModel.load(Path(scratch) / "increment", expected=digest)
        loading = time.monotonic() - begun
    models = {"as trained": as_trained, "with an increment": fresh, "trained again": trained(evening)}
    values = {name: _values(model, evening) for name, model in models.items()}
    rows = len(evening.past) - len(morning.past)
    print(f"{len(morning.past):,} interactions at the training, {rows:,} since; {len(evening):,} questions")
    for name, own in values.items():
        whole, more = bootstrap(own), bootstrap(own - values["as trained"])
        gap = "" if name == "as trained" else f", difference {more.value:+.4f} [{more.low:+.4f}, {more.high:+.4f}]"
        print(f"{name:18} NDCG@10 {whole.value:.4f} [{whole.low:.4f}, {whole.high:.4f}]{gap} n={whole.n}")
    print(
        f"increment: {fitting:.1f} s to fit, {writing_s:.1f} s and {megabytes:.0f} MB to write, {loading:.1f} s to"
        f" load; fitting the plan anew {refitting:.1f} s, without choosing it"
    )


def _values(model: HybridModel, fold: Fold) -> Doubles:
    """Return NDCG@10 of each shopper, of targets that anybody had touched before the questions."""
    slates, _ = released_slates(model, test_candidates(model, fold))
    return warm_values(slates, fold, metric="ndcg")[0]


if __name__ == "__main__":
    sys.exit(main())
