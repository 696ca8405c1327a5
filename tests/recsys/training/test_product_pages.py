"""On the page of a product the ranker answers about the product, also to shoppers it has never seen."""

import numpy as np
import pandas as pd

from recsys.data.dataset import build
from recsys.data.event_weights import weight_table
from recsys.data.profile import Context, Profile
from recsys.data.signals import VIEW
from recsys.training.training import train
from tests.recsys.shop_history import products

ITEMS, SHELF = 40, 5
START = 1_700_000_000.0


def views(*, shoppers: int = 80, seed: int = 3) -> pd.DataFrame:
    """Return visits of five views, each on one shelf of five products; shoppers have no shelf of their own."""
    rng = np.random.default_rng(seed)
    rows = []
    for shopper in range(shoppers):
        for _visit in range(rng.integers(1, 6)):
            shelf, begin = rng.integers(0, ITEMS // SHELF), START + rng.uniform(0, 90) * 86_400
            items = enumerate(shelf * SHELF + rng.permutation(SHELF))
            rows += [(f"u{shopper:03d}", f"i{item:03d}", begin + 60 * at, "view", 1.0) for at, item in items]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "event", "value"])
    return frame.sort_values("timestamp", kind="stable", ignore_index=True)


def test_a_page_is_answered_from_its_shelf_for_known_shoppers_and_strangers() -> None:
    names = ("covisitation", "item_knn", "personal_top", "popular")
    model, weight = train(build(views(), products(items=ITEMS)), names=names).model, float(weight_table({})[VIEW])
    now = START + 91 * 86_400
    codes = [model.catalog.item_ids.index(f"i{item:03d}") for item in range(ITEMS)]
    known = Profile(
        items=np.array(codes[:5], np.int32),
        times=now - 3_600 * np.arange(30, 25, -1, dtype=np.float64),
        signals=np.full(5, VIEW, np.int8),
        weights=np.full(5, weight, np.float32),
        values=np.zeros(5, np.float32),
        now=now,
    )

    for profile in (known, Profile.empty(now)):
        for page in range(10, ITEMS, 3):
            page_profile = profile.on_page(codes[page], weight=weight)
            slate = model.slate(page_profile, Context(page=codes[page]), SHELF - 1, strategy="ranker")
            shelves = [codes.index(code) // SHELF for code in slate.items.tolist()]
            assert codes[page] not in slate.items
            assert sum(shelf == page // SHELF for shelf in shelves) >= SHELF - 2, (page, shelves)
