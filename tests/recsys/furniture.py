"""A small furniture shop: what it sells, what its shoppers bought, and how a model of it is made."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pandas as pd

from recsys.data.dataset import build
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.sources.registry import make

PRODUCTS: dict[str, dict[str, Any]] = {
    "desk": {"title": "Oak desk", "category": ["Furniture", "Desks"], "brand": "Nord", "price": "300.00"},
    "desk-xl": {"title": "Oak desk XL", "category": ["Furniture", "Desks"], "brand": "Nord", "price": "400.00"},
    "chair": {"title": "Oak chair", "category": ["Furniture", "Chairs"], "brand": "Nord", "price": "89.90"},
    "stool": {"title": "Oak stool", "category": ["Furniture", "Chairs"], "brand": "Lux", "price": "49.00"},
    "lamp": {"title": "Desk lamp", "category": ["Light"], "brand": "Lux", "price": "40.00"},
    "bulb": {"title": "Warm bulb", "category": ["Light"], "brand": "Lux", "price": "5.00"},
    "rug": {"title": "Wool rug", "category": ["Textiles"], "brand": "Weft", "price": "60.00"},
    "throw": {"title": "Wool throw", "category": ["Textiles"], "brand": "Weft", "price": "30.00"},
    "mug": {"title": "Blue mug", "category": ["Kitchen"], "brand": "Clay", "price": "12.00", "stock": 0},
    "bowl": {"title": "Blue bowl", "category": ["Kitchen"], "brand": "Clay", "price": "15.00"},
}
GROUPS = {"desk": "oak-desk", "desk-xl": "oak-desk"}
TASTES = (["desk", "chair", "lamp"], ["rug", "throw", "bulb"], ["mug", "bowl", "lamp"], ["desk-xl", "stool", "lamp"])


def history() -> pd.DataFrame:
    """Return purchases of forty shoppers with four tastes."""
    rows = [
        {"user_id": f"u{user}", "item_id": item, "timestamp": 1_750_000_000.0 + 86_400 * user + at, "event": "purchase"}
        for user in range(40)
        for at, item in enumerate(TASTES[user % 4])
    ]
    return pd.DataFrame(rows).assign(value=1.0)


REPEAT_SOURCES = ("buy_again", "covisitation", "personal_top", "popular", "recent", "rp3beta", "trending")
"""The sources of a model that learns what people buy again."""


def repeats() -> pd.DataFrame:
    """Return a second and third purchase of everybody who bought a bulb, a month after each other."""
    bulbs = history()[lambda rows: rows["item_id"] == "bulb"]
    later = [bulbs.assign(timestamp=bulbs["timestamp"] + 30 * 86_400 * month) for month in (1, 2)]
    return pd.concat(later, ignore_index=True)


def items() -> pd.DataFrame:
    """Return the products as training reads them."""
    rows = [
        {"item_id": name, **product, "category": "/".join(product["category"]), "price": float(product["price"])}
        for name, product in PRODUCTS.items()
    ]
    return pd.DataFrame(rows)


def model(
    sources: Sequence[str] = ("popular", "trending", "rp3beta", "covisitation", "recent"),
    *,
    listed: pd.DataFrame | None = None,
) -> HybridModel:
    """Return a model that blends the sources, of the products `listed`, those of the shop if none are.

    What is fitted on the shop's own is fitted once in a process, for tests only read it.
    """
    parts = fitted(tuple(sources)) if listed is None else fit(sources, listed)
    return HybridModel(
        **parts,
        ranker=None,
        quotas=dict.fromkeys(sources, 50),
        blend=dict.fromkeys(sources, 1.0),
        manifest={"stage": "blend", "single": "rp3beta", "seed": 7},
    )


@lru_cache
def fitted(sources: tuple[str, ...]) -> dict[str, Any]:
    """Return what `fit` does of the shop's products."""
    return fit(sources, items())


def fit(sources: Sequence[str], known: pd.DataFrame) -> dict[str, Any]:
    """Return the catalog of a model of these products, and what its sources and statistics learn from the history."""
    seen = pd.concat([history(), repeats()]) if "buy_again" in sources else history()
    dataset = build(seen[seen["item_id"].isin(known["item_id"])], known)
    until = float(dataset.interactions.times.max())
    return {
        "catalog": dataset.catalog,
        "sources": {name: make(name).fit(dataset.interactions, dataset.catalog) for name in sources},
        "statistics": ItemStatistics.fit(dataset.interactions, dataset.catalog, until=until),
    }
