"""A planted shop of seasons: the assortment turns every three weeks."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tests.recsys.shop_history import DAY, START

SEASON_DAYS, PER_SEASON = 21, 18


def seasonal_history(*, shoppers: int = 100, days: int = 378, seed: int = 5) -> pd.DataFrame:
    """Return purchases where the assortment turns every three weeks: in each, a third goes and as much comes.

    Shoppers keep to one of two camps of products, of which some sell far more than others.
    """
    rng = np.random.default_rng(seed)
    appeal = rng.pareto(1.5, days) + 0.2

    def rows() -> Iterator[tuple[str, str, float]]:
        for shopper in range(shoppers):
            for day in np.sort(rng.integers(0, days, 36)).tolist():
                end = int(day / SEASON_DAYS * PER_SEASON / 3) + PER_SEASON
                sold = np.arange(end - PER_SEASON, end)
                sold = sold[sold % 2 == shopper % 2]
                item = rng.choice(sold, p=appeal[sold] / appeal[sold].sum())
                yield f"u{shopper:03d}", f"i{item:03d}", START + (day + rng.random()) * DAY

    frame = pd.DataFrame(rows(), columns=["user_id", "item_id", "timestamp"]).assign(event="purchase", value=1.0)
    return frame.sort_values("timestamp", kind="stable", ignore_index=True)
