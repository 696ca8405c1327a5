"""The shoppers of the small furniture shop and their actions."""

from collections.abc import Sequence
from itertools import count
from typing import Any, cast

import numpy as np

from common import clock, redis
from common.ids import uuid7
from common.pseudonyms import pseudonym
from consents import cache as mirror
from consents.state import Decision
from events.types.base import Event
from profiles.services import apply_events
from tests.recsys.furniture import GROUPS, PRODUCTS

Ids = dict[str, Any]
ADA: Ids = {"user_id": "ada"}
BO: Ids = {"anonymous_id": "bo"}
CY: Ids = {"user_id": "cy"}
"""The customer and the anonymous visitor, who consented, and the shopper who did not."""
NUMBERS = count(1)


def stock_the_shop() -> None:
    """Write the products into the catalog."""
    from catalog.services import bulk_upsert

    rows = [
        {"product_id": name, "currency": "EUR", "stock": 5, "group_id": GROUPS.get(name, ""), **product}
        for name, product in PRODUCTS.items()
    ]
    assert bulk_upsert(rows, actor="key:test").rejected == ()


def inside(who: Ids) -> Ids:
    """Return the ids as the doors pass them on: pseudonyms."""
    return cast("Ids", {name: pseudonym(str(id)) for name, id in who.items()})


def says(who: Ids, purpose: str = "personalization", *, allowed: bool = True) -> None:
    """Store a shopper's decision on a purpose."""
    pipe = redis.client().pipeline(transaction=False)
    for kind, value in who.items():
        decision = Decision(allowed, clock.epoch_us(), f"c{next(NUMBERS)}")
        mirror.apply_all(pipe, f"{kind.removesuffix('_id')}:{value}", {purpose: decision})
    pipe.execute()


def event_of(
    who: Ids,
    product_id: str,
    *,
    name: str = "Product Viewed",
    allowed: tuple[str, ...] = ("analytics", "personalization"),
    **properties: Any,
) -> Event:
    """Return an event of a shopper on a product."""
    return Event(
        message_id=str(uuid7()),
        kind="track",
        name=name,
        at=clock.epoch_us(),
        received_at=clock.epoch_us(),
        properties={"product_id": product_id, **properties},
        allowed=allowed,
        source="test",
        **who,
    )


def does(who: Ids, name: str, product_id: str, **properties: Any) -> None:
    """Send an event of a shopper on a product."""
    apply_events([event_of(who, product_id, name=name, **properties)], offsets={})


def views(who: Ids, *product_ids: str) -> None:
    """Send views of products, one after the other."""
    for product_id in product_ids:
        does(who, "Product Viewed", product_id)


def finite(values: Sequence[float]) -> bool:
    """Return whether all numbers are finite."""
    return bool(np.isfinite(values).all())
