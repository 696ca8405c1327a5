"""A small shop's year with planted tastes: shoppers return to favorites, each within one of two camps of products."""

import numpy as np
import pandas as pd

DAY = 86_400.0
START = 1_700_000_000.0


def history(*, shoppers: int = 60, items: int = 40, visits: int = 12, seed: int = 1) -> pd.DataFrame:
    """Return interactions: shoppers of even number take even products, most of the time their own two favorites."""
    rng = np.random.default_rng(seed)
    rows = []
    for shopper in range(shoppers):
        camp = np.arange(shopper % 2, items, 2)
        favorites = rng.choice(camp, 2, replace=False)
        for visit in range(visits):
            moment = START + (visit * 30 + rng.uniform(0, 29)) * DAY
            taken = rng.choice(camp, 2, replace=False).tolist() + (favorites.tolist() if rng.random() < 0.8 else [])
            rows += [(f"u{shopper:03d}", f"i{item:03d}", moment, "purchase", 1.0) for item in sorted(set(taken))]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "event", "value"])
    return frame.sort_values("timestamp", kind="stable", ignore_index=True)


def products(*, items: int = 40) -> pd.DataFrame:
    """Return the products of `history`: odd and even ones are two categories."""
    codes = range(items)
    return pd.DataFrame(
        {
            "item_id": [f"i{code:03d}" for code in codes],
            "title": [f"Product {code}" for code in codes],
            "category": ["odd" if code % 2 else "even" for code in codes],
            "brand": [f"brand{code % 5}" for code in codes],
            "price": [float(code + 1) for code in codes],
            "attributes": [[f"color={code % 3}"] for code in codes],
        }
    )
