"""What it brings to teach the ranker in the middle of visits too, and what it costs at their beginning.

The same folder is trained twice: taught by windows alone (what shoppers touched in the weeks after a moment), and by
windows and next items together, as trainings do. Both released models are asked about the last 15 %: what each shopper
touches in it, and what they touch next at moments in it, with all they did until then.
"""

import argparse
import sys
from pathlib import Path

from bench.training_cost import real, show_progress
from recsys.data.dataset import Dataset, build
from recsys.data.visits import mid_session_questions
from recsys.evaluation.evaluate import Options, folds_of
from recsys.evaluation.report import released_slates, stage_slates
from recsys.metrics.intervals import bootstrap
from recsys.metrics.registry import ndcg
from recsys.training.training import test_candidates, train_on


def main() -> int:
    """Print NDCG@10 of both models, with the best of their sources, at the beginning and in the middle of visits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds interactions.parquet and perhaps items.parquet")
    parser.add_argument("--mode", choices=("repeat", "new"), default="repeat")
    parser.add_argument("--rows", type=int, help="the first so many only")
    options = parser.parse_args()
    frame, items = real(options.folder)
    report(build(frame[: options.rows], items), new_only=options.mode == "new")
    return 0


def report(dataset: Dataset, *, new_only: bool, names: tuple[str, ...] | None = None) -> None:
    """Train twice, ask and print."""
    for name, live in (("windows alone", False), ("windows and next items", True)):
        folds = folds_of(dataset, Options(new_only=new_only, live=live))
        window = folds.test
        folds_by_moment = {"beginning": window, "middle": mid_session_questions(window, dataset, end=float("inf"))}
        model = train_on(folds, names=names, progress=show_progress).model
        for when, fold in folds_by_moment.items():
            candidates = test_candidates(model, fold)
            slates, _ = released_slates(model, candidates)
            of_sources = {
                source: float(ndcg(own, fold.targets, dataset.catalog.n_items).mean())
                for source, own in stage_slates(model, candidates, released=slates).items()
                if source in model.sources
            }
            best = max(of_sources, key=of_sources.__getitem__)
            own = bootstrap(ndcg(slates, fold.targets, dataset.catalog.n_items), shoppers=fold.users)
            print(
                f"taught by {name:22} asked at the {when:9} NDCG@10 {own.value:.4f} [{own.low:.4f}, {own.high:.4f}]"
                f"  best source {best} {of_sources[best]:.4f}  {len(fold)} questions of {own.n} shoppers"
            )


if __name__ == "__main__":
    sys.exit(main())
