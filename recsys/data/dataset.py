"""Builds a dataset from data frames: cleans rows, encodes ids, builds the catalog. Pure; pandas in, arrays out."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys.arrays import Ints, Times
from recsys.data.attributes import attribute_strings
from recsys.data.catalog import NUMBER_COLUMNS, TEXT_COLUMNS, Catalog
from recsys.data.cleaning import (
    IMPUTATION,
    SCALING,
    clean,
    count_imputed,
)
from recsys.data.codes import encode
from recsys.data.deep_features import image_vectors
from recsys.data.event_weights import SIGNAL_WEIGHTS, weight_table
from recsys.data.interactions import DAY, Interactions
from recsys.data.reading import id_texts, to_seconds
from recsys.data.signals import PURCHASE, SIGNAL_CODES

UNKNOWN_SIGNAL = "view"
IMPORT_SHARE = 0.05
"""If a larger share of dated products was touched long before `first_seen`, these dates are those of an import."""
LISTING_DELAY_SECONDS = 7 * DAY
"""The longest usual time between a product's first sale and its listing in a feed, in seconds."""


@dataclass(frozen=True)
class Dataset:
    """Encoded interactions and the catalog. `user_ids[u]` is the id of shopper code u.

    `report` describes cleaning and imputation. `clock` has the sorted times of all raw rows; evaluations place their
    splits by it, so that they do not move with the cleaning rules. `weights` is the weight of an event by signal.
    """

    interactions: Interactions
    catalog: Catalog
    user_ids: tuple[str, ...]
    report: Mapping[str, Any] = field(default_factory=dict)
    clock: Times = field(default_factory=lambda: np.empty(0, np.float64))
    weights: Mapping[str, float] = field(default_factory=lambda: SIGNAL_WEIGHTS)

    def __len__(self) -> int:
        return len(self.interactions)


def build(
    frame: pd.DataFrame,
    items: pd.DataFrame | None = None,
    shoppers: pd.DataFrame | None = None,
    *,
    pictures: Mapping[str, Path] | None = None,
    weights: Mapping[str, float] | None = None,
    timed: bool = True,
    explicit_ratings: bool = False,
) -> Dataset:
    """Return the dataset of raw interactions, items and shoppers.

    `frame` needs the columns user_id, item_id and timestamp; event, value and order_id are optional. Rows are sorted by
    time (stable). Items that only the interactions have are in the catalog too. `shoppers` has user_id and a column for
    each attribute; shoppers without interactions are left out. `pictures` are files by item id, as of
    `recsys.data.pictures`. `weights` overrides the default weight of signals; weights are above zero. With `timed`
    false, times only give the order of rows, and no bots are detected by speed. `explicit_ratings`: shoppers gave all
    stars themselves. Raises ValueError if a required column is missing or holds lists, or a picture cannot be read.
    """
    signal_weights = {**SIGNAL_WEIGHTS, **(weights or {})}
    rows, removed = clean(frame, timed=timed)
    rows = rows.sort_values("timestamp", kind="stable", ignore_index=True)
    catalog = catalog_of(items, item_ids=rows["item_id"])
    users, user_ids = encode(rows["user_id"].to_numpy(object))
    attributes = _attributes_by_user(shoppers, user_ids) if shoppers is not None else ()
    interactions = replace(
        _interactions(rows, users, len(user_ids), catalog, signal_weights),
        shoppers=attributes,
        explicit_ratings=explicit_ratings,
    )
    times = to_seconds(frame["timestamp"]).to_numpy(np.float64)
    clock = np.sort(times[np.isfinite(times)])
    catalog = without_contradicted_dates(catalog, interactions)
    if pictures is not None:
        catalog = with_images(catalog, pictures)
    report = {
        "interactions": len(rows),
        "shoppers": len(user_ids),
        "items": catalog.n_items,
        "removed": [{"rows": rule.rows, "reason": rule.reason, "rule": rule.rule} for rule in removed],
        "imputed": [
            {"column": column, "values": values, "rule": IMPUTATION[column]}
            for column, values in {**count_imputed(frame), **_unknown(catalog)}.items()
        ],
        "scaled": SCALING,
    }
    return Dataset(interactions, catalog, user_ids, report, clock, signal_weights)


def _attributes_by_user(shoppers: pd.DataFrame, user_ids: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the attributes of each user code as in requests; () for a shopper that the frame lacks.

    All columns but `user_id` are attributes; without such columns the result is (). Raises ValueError without
    `user_id`.
    """
    if "user_id" not in shoppers:
        raise ValueError("shoppers need the column user_id")
    keys = [str(name) for name in shoppers.columns if name != "user_id"]
    if not keys:
        return ()
    records = shoppers.assign(user_id=id_texts(shoppers["user_id"])).astype(object).to_dict("records")
    by_user = {row["user_id"]: attribute_strings({str(key): row[key] for key in row}, keys) for row in records}
    return tuple(by_user.get(user_id, ()) for user_id in user_ids)


def catalog_of(items: pd.DataFrame | None, *, item_ids: pd.Series) -> Catalog:
    """Return the catalog of the frame's items and of `item_ids`, those with interactions, sorted by id.

    Rows without an id are left out; of repeated ids the last row holds. Raises ValueError without a column `item_id`.
    """
    if items is not None and "item_id" not in items:
        raise ValueError("missing column of the items: item_id")
    frame = pd.DataFrame({"item_id": []}, dtype=str) if items is None else items[items["item_id"].notna()]
    frame = frame.assign(item_id=id_texts(frame["item_id"]))
    frame = frame[frame["item_id"] != ""]
    if "first_seen" in frame:
        frame = frame.assign(first_seen=to_seconds(frame["first_seen"]))
    frame = frame.drop_duplicates("item_id", keep="last").set_index("item_id")
    ids = sorted({*frame.index, *item_ids})
    frame = frame.reindex(ids)
    texts: dict[str, Any] = {column: _text(frame, source) for column, source in TEXT_COLUMNS.items()}
    return Catalog(
        item_ids=tuple(ids),
        attributes=_attributes(frame),
        prices=_number(frame, "price", np.float32),
        first_seen=_number(frame, "first_seen", np.float64),
        **texts,
    )


def without_contradicted_dates(catalog: Catalog, interactions: Interactions) -> Catalog:
    """Return the catalog with `first_seen` corrected where interactions are earlier.

    If more than `IMPORT_SHARE` of the dated, touched products were touched long before their date, the dates are those
    of an import. Dates up to the latest of these, less outliers, then become unknown, for untouched products too:
    otherwise a past catalog would reveal which products will be touched. Else the first interaction replaces the date.
    """
    if catalog.first_seen is None:
        return catalog
    dates = catalog.first_seen.copy()
    first_touch = np.full(catalog.n_items, np.inf)
    np.minimum.at(first_touch, interactions.items, interactions.times)
    long_before = first_touch < dates - LISTING_DELAY_SECONDS
    if long_before.sum() > IMPORT_SHARE * np.count_nonzero(np.isfinite(first_touch) & np.isfinite(dates)):
        dates[dates <= np.quantile(dates[long_before], 1 - IMPORT_SHARE)] = np.nan
    early = first_touch < dates
    dates[early] = first_touch[early]
    return replace(catalog, first_seen=dates)


def with_images(catalog: Catalog, files: Mapping[str, Path]) -> Catalog:
    """Return the catalog with image features of the pictures, files by item id.

    Raises ValueError if the extra [deep] is missing, or a picture cannot be read.
    """
    try:
        return replace(catalog, images=image_vectors([files.get(item) for item in catalog.item_ids]))
    except ModuleNotFoundError as error:
        raise ValueError(f"pictures need the extra [deep]: {error}") from error
    except OSError as error:
        raise ValueError(f"a picture cannot be read: {error}") from error


def _interactions(
    rows: pd.DataFrame, users: Ints, n_users: int, catalog: Catalog, weights: Mapping[str, float]
) -> Interactions:
    signals = _signals(rows)
    items = pd.Index(catalog.item_ids, dtype=object).get_indexer(pd.Index(rows["item_id"], dtype=object))
    return Interactions(
        users=users,
        items=items.astype(np.int32),
        times=rows["timestamp"].to_numpy(np.float64),
        signals=signals,
        weights=weight_table(weights)[signals],
        values=rows["value"].to_numpy(np.float32),
        baskets=_baskets(rows),
        n_users=n_users,
    )


def _signals(rows: pd.DataFrame) -> "np.ndarray[Any, np.dtype[np.int8]]":
    """Return int8[n] signal codes; an unknown event name counts as a view."""
    if "event" not in rows:
        return np.full(len(rows), PURCHASE, np.int8)
    codes = rows["event"].map(SIGNAL_CODES).fillna(SIGNAL_CODES[UNKNOWN_SIGNAL])
    return np.asarray(codes, np.int8)


def _baskets(rows: pd.DataFrame) -> Ints:
    if "order_id" not in rows:
        return np.full(len(rows), -1, np.int32)
    numbers, _ = pd.factorize(rows["order_id"], use_na_sentinel=True)
    shoppers, _ = pd.factorize(rows["user_id"])
    # A basket belongs to one shopper: order numbers may repeat between shoppers.
    codes, _ = pd.factorize(shoppers.astype(np.int64) * (int(numbers.max(initial=0)) + 1) + numbers)
    return np.where(numbers < 0, -1, codes).astype(np.int32)


def _text(frame: pd.DataFrame, column: str) -> tuple[str, ...]:
    if column not in frame:
        return ()
    return tuple(_joined(value) for value in frame[column].astype(object).fillna(""))


def _joined(own: object) -> str:
    """Return one line of text; a list becomes a "/"-joined path."""
    if isinstance(own, list | tuple | np.ndarray):
        own = "/".join(str(part) for part in own if part is not None)
    return str(own).replace("\n", " ")


def _number(frame: pd.DataFrame, column: str, dtype: type[np.floating[Any]]) -> Any:
    if column not in frame:
        return None
    with np.errstate(over="ignore"):  # numbers beyond float32 become infinite, then unknown
        numbers = pd.to_numeric(frame[column], errors="coerce").to_numpy(np.float64).astype(dtype)
    numbers[~np.isfinite(numbers) | (numbers < 0)] = np.nan
    return numbers


def _attributes(frame: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Return the attributes of each item; a text is parsed as JSON, or split at "|", or else at blanks."""
    if "attributes" not in frame:
        return ()
    return tuple(_split(value) for value in frame["attributes"])


def _split(own: object) -> tuple[str, ...]:
    if isinstance(own, str) and own.lstrip()[:1] in ("{", "["):
        with suppress(ValueError):
            own = json.loads(own)
    if isinstance(own, str):
        return tuple(part for part in (own.split("|") if "|" in own else own.split()) if part)
    if isinstance(own, list | tuple | np.ndarray):
        return tuple(text for part in own if part is not None and (text := str(part)))
    if isinstance(own, Mapping):
        return tuple(f"{name}={value}" for name, value in own.items() if value not in (None, ""))
    return ()


def _unknown(catalog: Catalog) -> dict[str, int]:
    """Return the number of products with an unknown value, for each column that the catalog has."""
    counts = {}
    if catalog.prices is not None:
        counts["price"] = int(np.isnan(catalog.prices).sum())
    if catalog.categories:
        counts["category"] = sum(not name for name in catalog.categories)
    if catalog.first_seen is not None:
        counts["first_seen"] = int(np.isnan(catalog.first_seen).sum())
    return counts


def fingerprint(dataset: Dataset) -> str:
    """Return a SHA-256 of all training data."""
    rows, catalog = dataset.interactions, dataset.catalog
    digest = hashlib.sha256()
    for names in (catalog.item_ids, *(getattr(catalog, column) for column in TEXT_COLUMNS)):
        digest.update(json.dumps(names).encode())
    for lists in (catalog.attributes, rows.shoppers):
        digest.update(json.dumps(lists).encode())
    numbers = [getattr(catalog, column) for column in NUMBER_COLUMNS]
    for column in (*rows.columns.values(), *numbers):
        digest.update(b"" if column is None else np.ascontiguousarray(column).tobytes())
    digest.update(b"stated" * rows.explicit_ratings)
    return digest.hexdigest()
