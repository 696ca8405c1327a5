"""What a running shop's models learn from: its events that may be learnt from, its products, what is known of whom."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from django.conf import settings

from catalog.frames import items_frame
from catalog.selectors import catalog_rows, removals
from events.selectors import shoppers_frame, training_frame
from recsys.data.catalog import Catalog

if TYPE_CHECKING:
    from recsys.data.dataset import Dataset

ELSEWHERE: Final = "no rate is known: unknown, as where there is none (`SHOP_CURRENCY` says which is the shop's)"
"""What becomes of prices in another currency than the shop's."""


def shop_dataset(
    *, pictures: bool = True, weights: Mapping[str, float] | None = None, read: Callable[[], None] = lambda: None
) -> "Dataset":
    """Return the dataset of this moment; `read` is told when all is read, `pictures` says whether they are looked at.

    `weights` say what an event counts by its signal, where it is not what the settings say now. Raises ValueError where
    pictures are wanted and cannot be read.
    """
    from recsys.data.dataset import build

    frame = training_frame()
    read()
    known = shoppers_frame(settings.SHOPPER_ATTRIBUTES)
    # What was taken out of the catalog is never shown, but tells still what those who had it like.
    touched = set(frame["item_id"])
    rows = [row for row in catalog_rows() if not row.removed or row.product_id in touched]
    elsewhere = sum(row.price is not None and row.currency != settings.SHOP_CURRENCY for row in rows)
    items = items_frame(rows)
    folder = Path(settings.PICTURES_DIR) if pictures and settings.PICTURES_DIR else None
    counted = settings.EVENT_WEIGHTS if weights is None else weights
    dataset = build(frame, items, known, pictures=folder, weights=counted, explicit_ratings=True)
    dataset = replace(dataset, catalog=with_removals(dataset.catalog))
    # Of a catalog in one currency nothing is said.
    told = [{"column": "price in another currency", "values": elsewhere, "rule": ELSEWHERE}] if elsewhere else []
    return replace(dataset, report={**dataset.report, "imputed": [*dataset.report["imputed"], *told]})


def with_removals(catalog: Catalog) -> Catalog:
    """Return the catalog with when each product was taken out of the shop's: who judges counts it no more."""
    codes = {name: code for code, name in enumerate(catalog.item_ids)}
    gone = np.full(catalog.n_items, np.nan)
    for name, moment in removals():
        if name in codes:
            gone[codes[name]] = moment.timestamp()
    return replace(catalog, removed_at=gone)
