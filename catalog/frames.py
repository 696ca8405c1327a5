"""Products of the catalog as models read them, in training and where an answer knows newer ones."""

from collections.abc import Iterable

import pandas as pd
from django.conf import settings

from catalog.records import ProductRow


def told_of(row: ProductRow) -> tuple[object, ...]:
    """Return what `items_frame` tells of a row: two rows that tell the same are the same product to a model."""
    named = row.title, row.description, row.category, row.brand, row.group_id
    return *named, row.price_in(settings.SHOP_CURRENCY), row.attributes, row.first_seen


def items_frame(rows: Iterable[ProductRow]) -> pd.DataFrame:
    """Return products as the frame that training and `Bundle.extended` read."""
    listed = [
        {
            "item_id": row.product_id,
            "title": row.title,
            "description": row.description,
            "category": "/".join(row.category),
            "brand": row.brand,
            "price": price_of(row),
            "attributes": attributes_of(row),
            "group_id": row.group_id,
            "first_seen": row.first_seen.timestamp(),
        }
        for row in rows
    ]
    columns = ["item_id", "title", "description", "category", "brand", "price", "attributes", "group_id", "first_seen"]
    return pd.DataFrame(listed, columns=columns)


def attributes_of(row: ProductRow) -> list[str]:
    """Return the attributes as "key=value", one a value, in the order of their names."""
    found = []
    for key, value in sorted(row.attributes.items()):
        found += [f"{key}={one}" for one in (value if isinstance(value, list) else [value]) if one not in (None, "")]
    return found


def price_of(row: ProductRow) -> float:
    """Return the price as models and filters compare prices, NaN where there is none in the shop's currency."""
    price = row.price_in(settings.SHOP_CURRENCY)
    return float("nan") if price is None else price
