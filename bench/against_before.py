"""Our released model now beside that of an earlier commit, on the same folder, protocol and questions, untuned.

    make bench-against-before ARGS="9962645 FOLDER --mode new"

Both trees run `evaluate` one after the other. NDCG@10 of known targets and of all targets, the ratio, the paired
bootstrap interval of the difference, and CPU seconds of the whole evaluation.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from bench._before import environment_of, tree_of
from bench._stage import ROOT
from recsys.arrays import Doubles, Ints
from recsys.data.dataset import Dataset, build
from recsys.data.files import read_frames
from recsys.data.folds import Fold
from recsys.evaluation.evaluate import Options, folds_of
from recsys.metrics.intervals import bootstrap
from recsys.metrics.registry import ndcg


def main() -> int:
    """Run both, compare their answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mode", default="repeat", choices=("repeat", "new"))
    parser.add_argument("--protocol", default="temporal", choices=("temporal", "next-item"))
    options = parser.parse_args()
    words = [str(options.folder.resolve()), "--mode", options.mode, "--protocol", options.protocol]
    dataset = build(*read_frames(options.folder))
    test = folds_of(dataset, Options(protocol=options.protocol, new_only=options.mode == "new")).test
    with tempfile.TemporaryDirectory() as scratch, tree_of(options.commit) as before:
        runs = {"before": evaluated(before, words, scratch), "now": evaluated(ROOT, words, scratch)}
    number_alike(runs["before"][0], runs["now"][0])
    for kind, targets in (("known targets", test.warm_targets()), ("all targets", test.targets)):
        answered = common_questions(*(answers for answers, _ in runs.values()))
        rows = np.flatnonzero(
            [len(own) > 0 and (answered is None or row in answered) for row, own in enumerate(targets)]
        )
        values = {name: ndcg_of(answers, dataset, test)[kind][rows] for name, (answers, _) in runs.items()}
        gap = bootstrap(values["now"] - values["before"], shoppers=test.users[rows])
        means = {name: float(own.mean()) for name, own in values.items()}
        print(
            f"{kind:14} before {means['before']:.4f}  now {means['now']:.4f}"
            f"  ratio {means['now'] / means['before']:.3f}"
            f"  difference {gap.value:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]  n={gap.n}"
        )
    print(f"CPU seconds    before {runs['before'][1]:.0f}  now {runs['now'][1]:.0f}")
    return 0


def evaluated(tree: Path, words: list[str], scratch: str) -> tuple[pd.DataFrame, float]:
    """Return the answers that a tree writes for the folder, and its CPU seconds."""
    output = Path(scratch) / f"{tree.name}.parquet"
    started = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "manage.py", "evaluate", *words, "--recommendations", str(output)]
    subprocess.run(command, cwd=tree, env=environment_of(tree), check=True, stdout=subprocess.DEVNULL)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return pd.read_parquet(output), ended.ru_utime + ended.ru_stime - started.ru_utime - started.ru_stime


def number_alike(before: pd.DataFrame, now: pd.DataFrame) -> None:
    """Give the earlier answers the question numbers of today's: trees may sample other questions of a shopper.

    Two questions of one shopper at one moment cannot be told apart, and are left out.
    """
    if "time" in now:
        numbers = {moment: number for number, moment in _single_moments(now).items()}
        questions = {number: numbers.get(moment, -1) for number, moment in _single_moments(before).items()}
        before["question"] = [questions.get(number, -1) for number in before["question"].tolist()]
        before.drop(before.index[before["question"] < 0], inplace=True)


def common_questions(before: pd.DataFrame, now: pd.DataFrame) -> set[int] | None:
    """Return the questions that both answered, None where answers are by shopper and all are asked."""
    return set(before["question"].tolist()) & set(now["question"].tolist()) if "question" in before else None


def _single_moments(answers: pd.DataFrame) -> dict[int, tuple[str, float]]:
    """Return shopper and moment of each question that shares them with no other."""
    first = answers.drop_duplicates("question")
    moments = list(zip(first["user"].astype(str), first["time"].round(3), strict=True))
    times = Counter(moments)
    pairs = zip(first["question"].tolist(), moments, strict=True)
    return {number: moment for number, moment in pairs if times[moment] == 1}


def ndcg_of(answers: pd.DataFrame, dataset: Dataset, test: Fold) -> dict[str, Doubles]:
    """Return float64[n_questions] for known targets and for all, of written answers."""
    codes = {name: code for code, name in enumerate(dataset.catalog.item_ids)}
    rows = {user: row for row, user in enumerate(test.users.tolist())}
    users = {name: code for code, name in enumerate(dataset.user_ids)}
    slates: Ints = np.full((len(test), 10), -1, np.int32)
    first = answers[answers["rank"] <= 10]
    questions = first["question"] if "question" in first else first["user"].astype(str).map(users).map(rows)
    items = first["item"].astype(str).map(codes).to_numpy(np.int32)
    slates[questions.to_numpy(np.int64), first["rank"].to_numpy(np.int64) - 1] = items
    return {
        "known targets": ndcg(slates, test.warm_targets(), test.n_items),
        "all targets": ndcg(slates, test.targets, test.n_items),
    }


if __name__ == "__main__":
    sys.exit(main())
