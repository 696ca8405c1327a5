"""Settings without a search beside tuned ones: the best source, the blend and the hybrid, on the same questions.

    make bench-half-lives ARGS="FOLDER --mode new --budget 150"

Without a search each source takes its best half-life and its best start; tuning goes on from there. Each row is
NDCG@10 of the test window's known targets, untuned and tuned, with the ratio and the paired interval of the difference.
The last line says which settings a training with this budget releases: those that validation prefers.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recsys.arrays import Ints
from recsys.data.dataset import build
from recsys.data.files import read_frames
from recsys.evaluation.evaluate import Options, folds_of, warm_values
from recsys.metrics.intervals import bootstrap
from recsys.parallel import on_one_thread
from recsys.training.plan import ranked_sources
from recsys.training.refit import refit
from recsys.training.slates import blend_slates, single_slates, slates
from recsys.training.training import (
    Folds,
    Hybrid,
    fit_hybrid,
    is_surely_better,
    suggest_settings,
    test_candidates,
    tune_settings,
)
from recsys.training.tuning import BAYESIAN

if TYPE_CHECKING:
    from recsys.data.dataset import Dataset

SEED = 7


def main() -> int:
    """Fit both, print the three rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="folder with interactions.parquet; `seasonal` for a planted shop of seasons")
    parser.add_argument("--mode", default="repeat", choices=("repeat", "new"))
    parser.add_argument("--protocol", default="temporal", choices=("temporal", "next-item"))
    parser.add_argument("--budget", type=float, default=150.0, help="seconds of tuning, all sources together")
    options = parser.parse_args()
    dataset = _dataset(options.folder)
    folds = folds_of(dataset, Options(protocol=options.protocol, new_only=options.mode == "new"))
    compare(folds, budget_s=options.budget)
    return 0


@on_one_thread
def compare(folds: Folds, *, budget_s: float, names: Sequence[str] | None = None) -> None:
    """Print untuned beside tuned; `names` narrows the sources."""
    suggested = suggest_settings(names or ranked_sources(), folds, BAYESIAN, seed=SEED, progress=_progress)
    tuned = tune_settings(suggested, folds, BAYESIAN, budget_s=budget_s, seed=SEED, progress=_progress)
    hybrids = {
        "untuned": fit_hybrid(suggested, folds, seed=SEED, progress=_progress),
        "tuned": fit_hybrid(tuned, folds, seed=SEED, progress=_progress),
    }
    answers = {name: test_slates(hybrid, folds) for name, hybrid in hybrids.items()}
    test = folds.test
    for stage in [stage for stage in answers["untuned"] if stage in answers["tuned"]]:
        untuned, shoppers = warm_values(answers["untuned"][stage], test, metric="ndcg")
        best, _ = warm_values(answers["tuned"][stage], test, metric="ndcg")
        gap = bootstrap(best - untuned, shoppers=shoppers)
        print(
            f"{stage:7} untuned {untuned.mean():.4f}  tuned {best.mean():.4f}  ratio {untuned.mean() / best.mean():.3f}"
            f"  tuned − untuned {gap.value:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]  n={gap.n}"
        )
    before, after = (hybrid.selection for hybrid in hybrids.values())
    is_better = is_surely_better(hybrids["tuned"], hybrids["untuned"], folds.validation, seed=SEED)
    print(
        f"single: {before.single} and {after.single};"
        f" validation {before.values.mean():.4f} and {after.values.mean():.4f}:"
        f" the {'tuned settings are released' if is_better else 'untuned settings stay'}"
    )


def test_slates(hybrid: Hybrid, folds: Folds) -> Mapping[str, Ints]:
    """Return the slates of each stage for the test window's questions, fitted on everything before it."""
    test, validation = folds.test, folds.validation
    plan = hybrid.plan(new_only=validation.new_only, seed=SEED)
    datasets = [*hybrid.datasets, hybrid.validation.dataset(seed=SEED)]
    model = refit(plan, test.past, test.catalog, datasets, until=test.until)
    labeled = test_candidates(model, test)
    candidates = labeled.candidates
    own = {
        "single": single_slates(candidates, plan.single),
        "blend": blend_slates(candidates, plan.blend),
    }
    if model.ranker is not None:
        own["hybrid"] = slates(candidates, model.ranker.scores(labeled.features))
    return own


def _dataset(folder: str) -> "Dataset":
    """Return the dataset of a folder, or that of the planted shop."""
    if folder == "seasonal":
        from tests.recsys.seasonal_shop import seasonal_history

        return build(seasonal_history(shoppers=1_000))
    return build(*read_frames(Path(folder)))


def _progress(message: str, share: float) -> None:
    print(f"{share:4.0%} {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
