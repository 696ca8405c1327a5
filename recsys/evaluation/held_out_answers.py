"""Writes the evaluated model's answers to the held-out questions, so that others can recompute the metrics."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.metrics.registry import MAX_CUTOFF
from recsys.training.training import Training


def write_slates(training: Training, user_ids: Sequence[str], path: Path) -> int:
    """Write a Parquet file with the columns user, rank (from 1), item, score, strategy; return the number of questions.

    The model is the one fitted without the last 15 %; the questions are those of the report. There are answers of the
    released stage (strategy "hybrid") and of each single source.
    """
    users = [user_ids[user] for user in training.folds.test.users.tolist()]
    frames = [_answers(training, users, strategy) for strategy in ("hybrid", *sorted(training.model.quotas))]
    pd.concat(frames, ignore_index=True).to_parquet(path, index=False)
    return len(users)


def _answers(training: Training, users: Sequence[str], strategy: str) -> pd.DataFrame:
    fold, model = training.folds.test, training.model
    slates = model.slate_many(fold.profiles, fold.contexts, MAX_CUTOFF, strategy=strategy)
    sizes = [len(slate) for slate in slates]
    items = np.concatenate([np.empty(0, np.int32), *(slate.items for slate in slates)])
    return pd.DataFrame(
        {
            "user": np.repeat(users, sizes),
            "rank": np.concatenate([np.empty(0, np.int64), *(np.arange(1, size + 1) for size in sizes)]),
            "item": np.asarray(model.catalog.item_ids, object)[items],
            "score": np.concatenate([np.empty(0, np.float32), *(slate.scores for slate in slates)]),
            "strategy": strategy,
        }
    )
