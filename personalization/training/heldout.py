"""The answers of the judged model to the held-out questions, written out so that others can recompute the figures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from personalization.training.pipeline import TrainedBundle

DEPTH = 20


def write_slates(trained: TrainedBundle, user_ids: Sequence[str], path: Path) -> int:
    """Write a Parquet file with the columns user, rank (from 1), item, score; return how many shoppers were answered.

    The answers are those of the bundle that had not seen the last 15 %, on the very questions of the report.
    """
    fold, bundle = trained.test, trained.tested
    slates = bundle.slate_many(fold.profiles, fold.contexts, DEPTH)
    sizes = [len(slate) for slate in slates]
    users = np.repeat([user_ids[user] for user in fold.users.tolist()], sizes)
    items = np.asarray(bundle.catalogue.item_ids)[np.concatenate([slate.items for slate in slates])]
    frame = pd.DataFrame(
        {
            "user": users,
            "rank": np.concatenate([np.arange(1, size + 1) for size in sizes]),
            "item": items,
            "score": np.concatenate([slate.scores for slate in slates]),
        }
    )
    frame.to_parquet(path, index=False)
    return len(slates)
