"""A small furniture shop for the tests of serving: what it sells, who its shoppers are, how a model of it is made."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import numpy as np
import pandas as pd

from common import clock, redis
from common.ids import uuid7
from consents import cache as mirror
from consents.state import Decision
from events.types.base import Event
from personalization.ranking.bundle import Bundle
from personalization.ranking.facts import ItemFacts
from personalization.recommenders.registry import make
from personalization.training.dataset import build
from profiles.services import apply_events

Ids = dict[str, Any]
ADA: Ids = {"user_id": "ada"}
BO: Ids = {"anonymous_id": "bo"}
CY: Ids = {"user_id": "cy"}
"""The customer, the anonymous visitor (both said yes), and the one without consent."""
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
NUMBERS = count(1)


def stock_the_shop() -> None:
    """Put the products into the catalogue."""
    from catalog.services import bulk_upsert

    rows = [
        {"product_id": name, "currency": "EUR", "stock": 5, "group_id": GROUPS.get(name, ""), **product}
        for name, product in PRODUCTS.items()
    ]
    assert bulk_upsert(rows, actor="key:test").rejected == ()


def says(who: Ids, purpose: str = "personalization", *, given: bool = True) -> None:
    """Let a shopper decide on a purpose."""
    pipe = redis.client().pipeline(transaction=False)
    for kind, value in who.items():
        decision = Decision(given, clock.epoch_us(), f"c{next(NUMBERS)}")
        mirror.apply_all(pipe, f"{kind.removesuffix('_id')}:{value}", {purpose: decision})
    pipe.execute()


def does(who: Ids, name: str, product_id: str, **properties: Any) -> None:
    """Let a shopper do something to a product, now."""
    happened = Event(
        message_id=str(uuid7()),
        kind="track",
        name=name,
        at=clock.epoch_us(),
        received_at=clock.epoch_us(),
        properties={"product_id": product_id, **properties},
        allowed=("analytics", "personalization"),
        source="test",
        **who,
    )
    apply_events([happened], offsets={})


def views(who: Ids, *product_ids: str) -> None:
    """Let a shopper look at products, one after the other."""
    for product_id in product_ids:
        does(who, "Product Viewed", product_id)


def history() -> pd.DataFrame:
    """Return purchases of forty shoppers with four tastes."""
    rows = [
        {"user_id": f"u{user}", "item_id": item, "timestamp": 1_750_000_000.0 + 86_400 * user + at, "event": "purchase"}
        for user in range(40)
        for at, item in enumerate(TASTES[user % 4])
    ]
    return pd.DataFrame(rows).assign(value=1.0)


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
) -> Bundle:
    """Return a bundle that blends the sources, of the products `listed`, those of the shop if none are.

    What is fitted on the shop's own is fitted once in a process, for tests only read it.
    """
    parts = fitted(tuple(sources)) if listed is None else fit(sources, listed)
    return Bundle(
        **parts,
        ranker=None,
        quotas=dict.fromkeys(sources, 50),
        blend=dict.fromkeys(sources, 1.0),
        manifest={"rung": "blend", "single": "rp3beta", "seed": 7},
    )


@lru_cache
def fitted(sources: tuple[str, ...]) -> dict[str, Any]:
    """Return what `fit` does of the shop's products."""
    return fit(sources, items())


def fit(sources: Sequence[str], known: pd.DataFrame) -> dict[str, Any]:
    """Return the catalogue of a bundle of these products, and what its sources and facts learn from the history."""
    seen = history()
    dataset = build(seen[seen["item_id"].isin(known["item_id"])], known)
    until = float(dataset.interactions.times.max())
    return {
        "catalogue": dataset.catalogue,
        "sources": {name: make(name).fit(dataset.interactions, dataset.catalogue) for name in sources},
        "facts": ItemFacts.fit(dataset.interactions, dataset.catalogue, until=until),
    }


def finite(values: Sequence[float]) -> bool:
    """Return whether all numbers are finite."""
    return bool(np.isfinite(values).all())
