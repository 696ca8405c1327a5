"""Products as frames for models, in training and for products added since."""

from collections.abc import Iterable

import pandas as pd
from django.conf import settings

from catalog.records import ProductRow


def model_fields(row: ProductRow) -> tuple[object, ...]:
    """Return the fields that models read: two rows with the same fields are the same product to a model."""
    texts = row.title, row.description, row.category, row.brand, row.group_id
    return *texts, row.price_in(settings.SHOP_CURRENCY), row.attributes, row.first_seen


def items_frame(rows: Iterable[ProductRow]) -> pd.DataFrame:
    """Return products as the frame that training and `Bundle.extended` read."""
    items = [
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
    return pd.DataFrame(items, columns=columns)


def attributes_of(row: ProductRow) -> list[str]:
    """Return the attributes as "key=value", one for each value, in the order of their names."""
    pairs = []
    for key, value in sorted(row.attributes.items()):
        pairs += [f"{key}={one}" for one in (value if isinstance(value, list) else [value]) if one not in (None, "")]
    return pairs


def price_of(row: ProductRow) -> float:
    """Return the price that models and filters compare, NaN if there is none in the shop's currency."""
    price = row.price_in(settings.SHOP_CURRENCY)
    return float("nan") if price is None else price


def cost_of(row: ProductRow) -> float:
    """Return what the product costs the shop, NaN if that is not known in the shop's currency."""
    return float("nan") if row.cost is None or row.currency != settings.SHOP_CURRENCY else float(row.cost)
