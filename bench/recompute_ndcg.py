"""Recompute NDCG@10 from the answers of `evaluate` or `train` (--recommendations), by code that does not train.

It reads the raw files only. Rows are sorted by time (stable). The cut is the timestamp of row floor(.85 n). A shopper's
targets are the distinct items at or after the cut, in mode "new" without those before it. Warm ones appear before it.
"""

import argparse
import math
import sys
from collections import defaultdict
from pathlib import Path

import pandas as pd


def main() -> int:
    """Print the figure; end with 1 when it is below --at-least."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="folder with interactions.parquet")
    parser.add_argument("recommendations", type=Path)
    parser.add_argument("--mode", choices=("repeat", "new"), default="repeat")
    parser.add_argument("--all-targets", action="store_true", help="count cold targets too")
    parser.add_argument("--at-least", type=float, default=0.0)
    parser.add_argument("--strategy", help="one of the strategies of a file that `manage.py train` wrote")
    options = parser.parse_args()
    answers = pd.read_parquet(options.recommendations)
    if options.strategy:
        answers = answers[answers["strategy"] == options.strategy]
    rows = pd.read_parquet(options.path / "interactions.parquet").sort_values("timestamp", kind="stable")
    value, shoppers, unanswered = recomputed(
        rows,
        answers,
        new_only=options.mode == "new",
        warm_only=not options.all_targets,
    )
    print(f"NDCG@10 {value:.4f} over {shoppers} shoppers")
    if not options.all_targets:
        hit, shoppers = hit_cold(rows, answers, new_only=options.mode == "new")
        print(f"HR@10 {hit:.4f} of products nobody touched before, over {shoppers} shoppers")
    if unanswered:
        print(
            f"{unanswered} more have targets but no answer (5,000 are asked at most; machines, and rows that"
            f" cleaning sets aside, are not looked at): were they asked, it would be"
            f" {value * shoppers / (shoppers + unanswered):.4f}"
        )
    return 0 if value >= options.at_least else 1


def recomputed(rows: pd.DataFrame, answers: pd.DataFrame, *, new_only: bool, warm_only: bool) -> tuple[float, int, int]:
    """Return the mean NDCG@10 over the answered shoppers who have targets, how many these are, and how many known
    shoppers have targets but no answer."""
    had, targets_of, past_items = split(rows)
    lists = first_ten(answers)
    gains, unanswered = [], 0
    for user, own in targets_of.items():
        targets = own - (had.get(user, set()) if new_only else set())
        targets = targets & past_items if warm_only else targets
        if not targets:
            continue
        if user in lists:
            got = sum(1 / math.log2(place + 2) for place, item in enumerate(lists[user]) if item in targets)
            gains.append(got / sum(1 / math.log2(place + 2) for place in range(min(10, len(targets)))))
        elif user in had:
            unanswered += 1
    return sum(gains) / max(1, len(gains)), len(gains), unanswered


def hit_cold(rows: pd.DataFrame, answers: pd.DataFrame, *, new_only: bool) -> tuple[float, int]:
    """Return how often the first ten hold a target that nobody had touched before, and how many shoppers want one."""
    had, targets_of, past_items = split(rows)
    lists = first_ten(answers)
    hits = []
    for user, own in targets_of.items():
        targets = own - past_items - (had.get(user, set()) if new_only else set())
        if targets and user in lists:
            hits.append(not targets.isdisjoint(lists[user]))
    return sum(hits) / max(1, len(hits)), len(hits)


def split(rows: pd.DataFrame) -> tuple[dict[str, set[str]], dict[str, set[str]], set[str]]:
    """Return what each shopper had before the cut and took from it on, and what anybody had before."""
    cut = rows["timestamp"].iloc[math.floor(0.85 * len(rows))]
    named = rows.assign(user_id=spelled(rows["user_id"]), item_id=spelled(rows["item_id"]))
    named = named.dropna(subset=["user_id", "item_id"])
    past, future = named[named["timestamp"] < cut], named[named["timestamp"] >= cut]
    had: dict[str, set[str]] = defaultdict(set)
    targets_of: dict[str, set[str]] = defaultdict(set)
    for users, frame in ((had, past), (targets_of, future)):
        for user, item in zip(frame["user_id"], frame["item_id"], strict=True):
            users[user].add(item)
    return had, targets_of, set(past["item_id"])


def first_ten(answers: pd.DataFrame) -> dict[str, list[str]]:
    """Return each shopper's first ten items."""
    answers = answers.assign(user=spelled(answers["user"]), item=spelled(answers["item"])).sort_values("rank")
    return {user: list(own)[:10] for user, own in answers.groupby("user")["item"]}


def spelled(ids: pd.Series) -> pd.Series:
    """Return ids as text: whole numbers that a gap turned into floats without ".0", gaps as NA."""
    whole = pd.api.types.is_float_dtype(ids) and (ids.dropna() % 1 == 0).all()
    return (ids.astype("Int64") if whole else ids).astype(str).where(ids.notna(), pd.NA)


if __name__ == "__main__":
    sys.exit(main())
