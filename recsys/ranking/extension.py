"""Products created after training: appended behind the known codes, known by their content alone."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from recsys.arrays import Doubles, Floats, Ints
from recsys.data.catalog import TEXT_COLUMNS, Catalog
from recsys.ranking.item_statistics import (
    COLUMNS,
    ItemStatistics,
    department,
    price_in_category,
    rarity_of,
)
from recsys.sources.content import Content
from recsys.sources.own_history import BuyAgain, Recent
from recsys.sources.scoring import Scoring

INHERITED_COLUMNS = (("category_popular", "category"), ("brand_popular", "brand"), ("category_velocity", "category"))
"""Statistics that a new item takes over from its category or brand."""
MAX_PAIRS = 1 << 29
"""The most pairs (new items times all items) that `content` compares between trainings, which takes some 15 s. That is
18,000 new products for a catalog of 10,000, and 2,100 for one of 250,000."""


def extended_catalog(catalog: Catalog, items: pd.DataFrame) -> Catalog:
    """Return the catalog with the frame's unknown items appended, in the frame's order."""
    if not len(items):
        return catalog
    known_ids, names = set(catalog.item_ids), items["item_id"].astype(str)
    new_items = items[np.array([name not in known_ids for name in names]) & ~names.duplicated()]
    if not len(new_items):
        return catalog
    n = catalog.n_items
    texts = {
        column: _texts(getattr(catalog, column), n) + _column(new_items, source)
        for column, source in TEXT_COLUMNS.items()
    }
    attributes = catalog.attributes or ((),) * n
    return replace(
        catalog,
        item_ids=catalog.item_ids + tuple(new_items["item_id"].astype(str)),
        attributes=attributes + _attributes(new_items),
        prices=_numbers(catalog.prices, new_items, "price", n).astype(np.float32),
        first_seen=_numbers(catalog.first_seen, new_items, "first_seen", n),
        images=None,
        removed_at=None,
        **texts,
    )


def extended_statistics(statistics: ItemStatistics, before: Catalog, after: Catalog) -> ItemStatistics:
    """Return the statistics with rows for the new items: untouched, with the popularity of their category and brand."""
    added = after.n_items - before.n_items
    categoricals = _categorical_codes(statistics, before, after)
    new_attributes = after.attributes[before.n_items :]
    attribute_codes = _code_by_name(chain.from_iterable(before.attributes), statistics.attributes)
    attributes = _extended_codes(statistics.attributes, attribute_codes, chain.from_iterable(new_attributes))
    new_rows = np.zeros((added, len(COLUMNS)), np.float32)
    for name in COLUMNS:
        if name.startswith(("trend", "stars", "bought_share")):
            new_rows[:, COLUMNS.index(name)] = np.nan
    if after.prices is not None:
        new_rows[:, COLUMNS.index("price")] = np.log1p(after.prices[before.n_items :])
        relative_prices = price_in_category(after.prices, categoricals["category"])
        new_rows[:, COLUMNS.index("price_in_category")] = relative_prices[before.n_items :]
    table = np.concatenate([statistics.table, new_rows])
    for column_name, name in INHERITED_COLUMNS:
        column = COLUMNS.index(column_name)
        table[before.n_items :, column] = _group_values(
            table[: before.n_items, column], categoricals[name], before.n_items
        )
    unknown = np.full(added, np.nan)
    born = unknown if after.first_seen is None else after.first_seen[before.n_items :]
    return replace(
        statistics,
        table=table,
        born=np.concatenate([statistics.born, born]),
        last=np.concatenate([statistics.last, unknown]),
        gap=np.concatenate([statistics.gap, unknown]),
        starts=np.concatenate(
            [statistics.starts, statistics.starts[-1] + np.cumsum([len(own) for own in new_attributes])]
        ),
        attributes=attributes,
        rarity=rarity_of(attributes, after.n_items),
        **categoricals,
    )


def extended_source(source: Scoring, catalog: Catalog, *, earlier: Scoring | None = None) -> Scoring:
    """Return `content` and the sources of the shopper's own products extended to new items; others unchanged.

    `earlier` is the same source already extended to the first of the new items, so that only the others are compared.
    After an import of more than `MAX_PAIRS` pairs `content` is not extended; text similarity replaces it until the
    next training.
    """
    if isinstance(source, Recent | BuyAgain):
        return source.extend(catalog)
    n_new = catalog.n_items - source.n_items
    if not isinstance(source, Content) or not 0 < n_new * catalog.n_items <= MAX_PAIRS:
        return source
    base = earlier if isinstance(earlier, Content) else source
    return base.extend(catalog) if base.n_items < catalog.n_items else base


def _categorical_codes(statistics: ItemStatistics, before: Catalog, after: Catalog) -> dict[str, Any]:
    """Return `categorical_codes` of the larger catalog; known names keep their codes."""
    paths, old = after.categories[before.n_items :], before.n_items
    departments = _code_by_name(before.categories, statistics.department)
    return {
        "category": _extended_codes(statistics.category, _code_by_name(before.categories, statistics.category), paths),
        "department": _extended_codes(
            statistics.department,
            {department(path): code for path, code in departments.items()},
            map(department, paths),
        ),
        "brand": _extended_codes(statistics.brand, _code_by_name(before.brands, statistics.brand), after.brands[old:]),
        "group": _extended_codes(
            statistics.group, _code_by_name(before.group_ids, statistics.group), after.group_ids[old:]
        ),
    }


def _code_by_name(names: Iterable[str], codes: Ints) -> dict[str, int]:
    """Return the code of each name; the empty name has none."""
    every = dict(zip(names, codes.tolist(), strict=False))
    return {name: code for name, code in every.items() if code >= 0}


def _extended_codes(codes: Ints, code_by_name: dict[str, int], new_names: Iterable[str]) -> Ints:
    """Return the known codes followed by those of the new names, -1 for the empty name."""
    added = [code_by_name.setdefault(name, len(code_by_name)) if name else -1 for name in new_names]
    return np.concatenate([codes, np.array(added, np.int32)])


def _group_values(values: Floats, codes: np.ndarray[tuple[int], np.dtype[np.int32]], n_known: int) -> Floats:
    by_code = np.zeros(int(codes.max(initial=-1)) + 2, np.float32)
    by_code[codes[:n_known] + 1] = values
    by_code[0] = 0.0
    return by_code[codes[n_known:] + 1]


def _texts(values: Sequence[str], n: int) -> tuple[str, ...]:
    return tuple(values) if values else ("",) * n


def _column(frame: pd.DataFrame, name: str) -> tuple[str, ...]:
    if name not in frame:
        return ("",) * len(frame)
    return tuple(frame[name].fillna("").astype(str))


def _attributes(frame: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    if "attributes" not in frame:
        return ((),) * len(frame)
    return tuple(tuple(str(one) for one in own) if own is not None else () for own in frame["attributes"])


def _numbers(values: Floats | Doubles | None, frame: pd.DataFrame, name: str, n: int) -> Doubles:
    extended = np.full(n, np.nan) if values is None else np.asarray(values, np.float64)
    added = np.full(len(frame), np.nan)
    if name in frame:
        added = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)
    return np.concatenate([extended, added])
