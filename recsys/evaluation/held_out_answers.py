"""The answers of the judged model to the held-out questions, written out so that others can recompute the figures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.evaluation.pipeline import TrainedBundle
from recsys.metrics.registry import DEEPEST


def write_slates(trained: TrainedBundle, user_ids: Sequence[str], path: Path) -> int:
    """Write a Parquet file with the columns user, rank (from 1), item, score, strategy; return how many were answered.

    The answers are those of the bundle that had not seen the last 15 %, on the very questions of the report: of the
    released rung (strategy "hybrid") and of each source alone.
    """
    users = [user_ids[user] for user in trained.test.users.tolist()]
    frames = [_answers(trained, users, strategy) for strategy in ("hybrid", *sorted(trained.tested.quotas))]
    pd.concat(frames, ignore_index=True).to_parquet(path, index=False)
    return len(users)


def _answers(trained: TrainedBundle, users: Sequence[str], strategy: str) -> pd.DataFrame:
    fold, bundle = trained.test, trained.tested
    slates = bundle.slate_many(fold.profiles, fold.contexts, DEEPEST, strategy=strategy)
    sizes = [len(slate) for slate in slates]
    items = np.concatenate([np.empty(0, np.int32), *(slate.items for slate in slates)])
    return pd.DataFrame(
        {
            "user": np.repeat(users, sizes),
            "rank": np.concatenate([np.empty(0, np.int64), *(np.arange(1, size + 1) for size in sizes)]),
            "item": np.asarray(bundle.catalogue.item_ids, object)[items],
            "score": np.concatenate([np.empty(0, np.float32), *(slate.scores for slate in slates)]),
            "strategy": strategy,
        }
    )
