"""The training data of the shop: permitted events, products, and shopper attributes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from django.conf import settings

from catalog.frames import items_frame
from catalog.records import ProductRow
from catalog.selectors import catalog_rows, removals
from events.selectors import shoppers_frame, training_frame
from recsys.data.catalog import Catalog
from recsys.data.pictures import fetched_pictures, pictures_in

if TYPE_CHECKING:
    from recsys.data.dataset import Dataset

OTHER_CURRENCY: Final = "no rate is known: unknown, as where there is none (`SHOP_CURRENCY` says which is the shop's)"
"""The report's note on prices in another currency than the shop's."""


def shop_dataset(
    *, pictures: bool = True, weights: Mapping[str, float] | None = None, read: Callable[[], None] = lambda: None
) -> "Dataset":
    """Return the current dataset. `read` is called once the events are read.

    `pictures` includes product pictures. `weights` are event weights by signal; the default is the setting. Raises
    ValueError if pictures are requested and cannot be read.
    """
    from recsys.data.dataset import build

    frame = training_frame()
    read()
    shoppers = shoppers_frame(settings.SHOPPER_ATTRIBUTES)
    # Removed products are never shown, but their interactions still show what shoppers like.
    item_ids = set(frame["item_id"])
    rows = [row for row in catalog_rows() if not row.removed or row.product_id in item_ids]
    n_other_currency = sum(row.price is not None and row.currency != settings.SHOP_CURRENCY for row in rows)
    items = items_frame(rows)
    files = picture_files(rows) if pictures else None
    event_weights = settings.EVENT_WEIGHTS if weights is None else weights
    dataset = build(frame, items, shoppers, pictures=files, weights=event_weights, explicit_ratings=True)
    dataset = replace(dataset, catalog=with_removals(dataset.catalog))
    # No entry for a catalog in a single currency.
    imputed = (
        [{"column": "price in another currency", "values": n_other_currency, "rule": OTHER_CURRENCY}]
        if n_other_currency
        else []
    )
    return replace(dataset, report={**dataset.report, "imputed": [*dataset.report["imputed"], *imputed]})


def picture_files(rows: Sequence[ProductRow]) -> dict[str, Path] | None:
    """Return the picture files by product id, or None where the settings ask for none.

    A file of `PICTURES_DIR` goes before the picture at the product's `image_url`. Raises ValueError if the folder or
    the extra [deep] is missing.
    """
    if not settings.PICTURES_DIR and not settings.PICTURES_CACHE_DIR:
        return None
    own = pictures_in(Path(settings.PICTURES_DIR)) if settings.PICTURES_DIR else {}
    if not settings.PICTURES_CACHE_DIR:
        return own
    addresses = {row.product_id: row.image_url for row in rows if row.image_url and row.product_id not in own}
    try:
        return {**fetched_pictures(addresses, folder=Path(settings.PICTURES_CACHE_DIR)), **own}
    except ModuleNotFoundError as error:
        raise ValueError(f"pictures need the extra [deep]: {error}") from error


def with_removals(catalog: Catalog) -> Catalog:
    """Return the catalog with the time of each product's removal: evaluations ignore a product after that."""
    codes = {name: code for code, name in enumerate(catalog.item_ids)}
    removed_at = np.full(catalog.n_items, np.nan)
    for name, moment in removals():
        if name in codes:
            removed_at[codes[name]] = moment.timestamp()
    return replace(catalog, removed_at=removed_at)
