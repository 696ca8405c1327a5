"""A shop of planted ratings: generosity, quality and taste of a few dimensions, and noise of a known size."""

import numpy as np
import pandas as pd

START, DAY = 1_700_000_000.0, 86_400.0
NOISE = 0.5
MEAN = 3.0


def ratings(
    *, shoppers: int = 400, items: int = 80, each: int = 40, seed: int = 3, noise: float = NOISE
) -> pd.DataFrame:
    """Return a year of ratings, at the scale's middle and wide enough that next to nothing is cut off at its ends."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(shoppers), each)
    codes = np.concatenate([rng.permutation(items)[:each] for _ in range(shoppers)])
    taste, nature = rng.normal(0, 1, (shoppers, 3)), rng.normal(0, 0.4, (items, 3))
    generosity, quality = rng.normal(0, 0.3, shoppers), rng.normal(0, 0.4, items)
    stars = MEAN + generosity[users] + quality[codes] + (taste[users] * nature[codes]).sum(axis=1)
    rows = pd.DataFrame(
        {
            "user_id": [f"u{user:03d}" for user in users],
            "item_id": [f"i{code:03d}" for code in codes],
            "timestamp": START + np.sort(rng.random(len(users)) * 365 * DAY)[rng.permutation(len(users))],
            "event": "rating",
            "value": stars + rng.normal(0, noise, len(users)),
        }
    )
    return rows.sort_values("timestamp", kind="stable", ignore_index=True)


def of_one_value(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the same rows with a constant rating column."""
    return frame.assign(value=5.0)
