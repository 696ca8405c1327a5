"""From frames to the columns that recommenders learn from: clean, encode, code. Pure; pandas in, arrays out."""

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
from recsys.data.attributes import named
from recsys.data.catalog import NUMBERS, TEXTS, Catalog
from recsys.data.cleaning import (
    IMPUTATION,
    SCALING,
    clean,
    imputed,
)
from recsys.data.codes import coded
from recsys.data.deep_features import image_vectors
from recsys.data.event_weights import SIGNAL_WEIGHTS, weight_table
from recsys.data.interactions import DAY, Interactions
from recsys.data.reading import id_texts, seconds
from recsys.data.signals import PURCHASE, SIGNAL_CODES

UNKNOWN_SIGNAL = "view"
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
IMPORTED = 0.05
"""Share of the dated products that were touched, long before their first day, above which such days are an import's."""
LISTED_LATE = 7 * DAY
"""A product may be sold so many seconds before a feed lists it."""


@dataclass(frozen=True)
class Dataset:
    """Interactions and catalog in codes; `user_ids[u]` names shopper code u; `report` says what cleaning took.

    `clock` holds the times of all rows handed in, sorted, those that cleaning took as well: it places the cuts of an
    evaluation, which shall not move with the rules of cleaning. `weights` say what an event of each signal counts.
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
    pictures: Path | None = None,
    weights: Mapping[str, float] | None = None,
    timed: bool = True,
    stated: bool = False,
) -> Dataset:
    """Return the dataset of an interactions frame and an items frame (both as the warehouse gives them).

    Needed columns: user_id, item_id, timestamp; event, value, order_id are optional. Rows are sorted by time (stable);
    items of interactions that the items frame lacks are in the catalog all the same. `shoppers` holds user_id and a
    column for each attribute; those without interactions are left out. `pictures` is a folder of files named by item
    (`P1.jpg`). `weights` say what an event counts by its signal, where not as by default: numbers above zero. With
    `timed` false, times are no more than the rows' order: they tell of no machine. `stated` says that shoppers gave all
    stars themselves. Raises ValueError when a needed column is missing or holds lists, and where pictures cannot be
    read.
    """
    counted = {**SIGNAL_WEIGHTS, **(weights or {})}
    rows, removed = clean(frame, timed=timed)
    rows = rows.sort_values("timestamp", kind="stable", ignore_index=True)
    catalog = catalog_of(items, seen=rows["item_id"])
    users, user_ids = coded(rows["user_id"].to_numpy(object))
    known = _known_of(shoppers, user_ids) if shoppers is not None else ()
    interactions = replace(_interactions(rows, users, len(user_ids), catalog, counted), shoppers=known, stated=stated)
    times = seconds(frame["timestamp"]).to_numpy(np.float64)
    clock = np.sort(times[np.isfinite(times)])
    catalog = believed(catalog, interactions)
    if pictures is not None:
        catalog = pictured(catalog, pictures)
    report = {
        "interactions": len(rows),
        "shoppers": len(user_ids),
        "items": catalog.n_items,
        "removed": [{"rows": one.rows, "reason": one.reason, "rule": one.rule} for one in removed],
        "imputed": [
            {"column": column, "values": values, "rule": IMPUTATION[column]}
            for column, values in {**imputed(frame), **_unknown(catalog)}.items()
        ],
        "scaled": SCALING,
    }
    return Dataset(interactions, catalog, user_ids, report, clock, counted)


def _known_of(shoppers: pd.DataFrame, user_ids: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the attributes of each user code, named as a request names them; () where the frame lacks the shopper.

    All columns but `user_id` are attributes; without any the answer is (). Raises ValueError without `user_id`.
    """
    if "user_id" not in shoppers:
        raise ValueError("shoppers need the column user_id")
    keys = [str(name) for name in shoppers.columns if name != "user_id"]
    if not keys:
        return ()
    records = shoppers.assign(user_id=id_texts(shoppers["user_id"])).astype(object).to_dict("records")
    known = {row["user_id"]: named({str(key): row[key] for key in row}, keys) for row in records}
    return tuple(known.get(user_id, ()) for user_id in user_ids)


def catalog_of(items: pd.DataFrame | None, *, seen: pd.Series) -> Catalog:
    """Return the catalog: every item of the frame and every item seen, in the order of their ids.

    Rows of the frame without an id are left out. Raises ValueError where it has no column of ids.
    """
    if items is not None and "item_id" not in items:
        raise ValueError("missing column of the items: item_id")
    known = pd.DataFrame({"item_id": []}, dtype=str) if items is None else items[items["item_id"].notna()]
    known = known.assign(item_id=id_texts(known["item_id"]))
    known = known[known["item_id"] != ""]
    if "first_seen" in known:
        known = known.assign(first_seen=seconds(known["first_seen"]))
    known = known.drop_duplicates("item_id", keep="last").set_index("item_id")
    ids = sorted({*known.index, *seen})
    known = known.reindex(ids)
    texts: dict[str, Any] = {column: _text(known, source) for column, source in TEXTS.items()}
    return Catalog(
        item_ids=tuple(ids),
        attributes=_attributes(known),
        prices=_number(known, "price", np.float32),
        first_seen=_number(known, "first_seen", np.float64),
        **texts,
    )


def believed(catalog: Catalog, interactions: Interactions) -> Catalog:
    """Return the catalog without first days that the interactions contradict.

    Where more than `IMPORTED` of the dated products that were touched were so long before they appeared, the dates up
    to nearly the last of theirs tell when the catalog was brought here, not when products did: they are unknown, of
    touched and untouched products alike, for else a past moment would know which of them will be touched. A single one
    that is contradicted, or one that was sold a few days before it was listed, appeared when it was touched first.
    """
    if catalog.first_seen is None:
        return catalog
    dates = catalog.first_seen.copy()
    touched = np.full(catalog.n_items, np.inf)
    np.minimum.at(touched, interactions.items, interactions.times)
    long_before = touched < dates - LISTED_LATE
    if long_before.sum() > IMPORTED * np.count_nonzero(np.isfinite(touched) & np.isfinite(dates)):
        dates[dates <= np.quantile(dates[long_before], 1 - IMPORTED)] = np.nan
    early = touched < dates
    dates[early] = touched[early]
    return replace(catalog, first_seen=dates)


def pictured(catalog: Catalog, folder: Path) -> Catalog:
    """Return the catalog with what a pretrained network sees in the pictures of the folder, each named by its item.

    Items without one have none. Raises ValueError where the folder, a picture or the extra [deep] is missing or broken.
    """
    if not folder.is_dir():
        raise ValueError(f"there is no folder of pictures {folder}")
    files = {file.stem: file for file in sorted(folder.iterdir()) if file.suffix.lower() in PICTURES}
    try:
        return replace(catalog, images=image_vectors([files.get(item) for item in catalog.item_ids]))
    except ModuleNotFoundError as error:
        raise ValueError(f"pictures need the extra [deep]: {error}") from error
    except OSError as error:
        raise ValueError(f"a picture in {folder} cannot be read: {error}") from error


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
    """Return signal codes; an event name that nobody knows counts as a view."""
    if "event" not in rows:
        return np.full(len(rows), PURCHASE, np.int8)
    coded = rows["event"].map(SIGNAL_CODES).fillna(SIGNAL_CODES[UNKNOWN_SIGNAL])
    return np.asarray(coded, np.int8)


def _baskets(rows: pd.DataFrame) -> Ints:
    if "order_id" not in rows:
        return np.full(len(rows), -1, np.int32)
    numbers, _ = pd.factorize(rows["order_id"], use_na_sentinel=True)
    shoppers, _ = pd.factorize(rows["user_id"])
    # Of the shopper: where each counts from 1, number 1 is not one basket of all of them.
    codes, _ = pd.factorize(shoppers.astype(np.int64) * (int(numbers.max(initial=0)) + 1) + numbers)
    return np.where(numbers < 0, -1, codes).astype(np.int32)


def _text(known: pd.DataFrame, column: str) -> tuple[str, ...]:
    if column not in known:
        return ()
    return tuple(_joined(own) for own in known[column].astype(object).fillna(""))


def _joined(own: object) -> str:
    """Return one line of text; a list is a path from the widest to the narrowest."""
    if isinstance(own, list | tuple | np.ndarray):
        own = "/".join(str(part) for part in own if part is not None)
    return str(own).replace("\n", " ")


def _number(known: pd.DataFrame, column: str, dtype: type[np.floating[Any]]) -> Any:
    if column not in known:
        return None
    with np.errstate(over="ignore"):  # beyond float32 it is infinite, and unknown
        numbers = pd.to_numeric(known[column], errors="coerce").to_numpy(np.float64).astype(dtype)
    numbers[~np.isfinite(numbers) | (numbers < 0)] = np.nan
    return numbers


def _attributes(known: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Return attributes as lists; a text is JSON, or is split at "|" or, without one, at blanks."""
    if "attributes" not in known:
        return ()
    return tuple(_split(own) for own in known["attributes"])


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
    """Return of how many products something is unknown, by column that the catalog has."""
    found = {}
    if catalog.prices is not None:
        found["price"] = int(np.isnan(catalog.prices).sum())
    if catalog.categories:
        found["category"] = sum(not name for name in catalog.categories)
    if catalog.first_seen is not None:
        found["first_seen"] = int(np.isnan(catalog.first_seen).sum())
    return found


def fingerprint(dataset: Dataset) -> str:
    """Return a SHA-256 over all that is learned from."""
    rows, catalog = dataset.interactions, dataset.catalog
    digest = hashlib.sha256()
    for names in (catalog.item_ids, *(getattr(catalog, column) for column in TEXTS)):
        digest.update(json.dumps(names).encode())
    for lists in (catalog.attributes, rows.shoppers):
        digest.update(json.dumps(lists).encode())
    numbers = [getattr(catalog, column) for column in NUMBERS]
    for column in (*rows.columns.values(), *numbers):
        digest.update(b"" if column is None else np.ascontiguousarray(column).tobytes())
    digest.update(b"stated" * rows.stated)
    return digest.hexdigest()
