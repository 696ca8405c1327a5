"""Products created after training: appended behind the known codes, described by their content alone."""

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
from recsys.sources.own_history import Recent
from recsys.sources.scoring import Scoring

KIN_FACTS = (("category_popular", "category"), ("brand_popular", "brand"), ("category_velocity", "category"))
"""Facts that a new item shares with its kin."""
MOST_PAIRS = 1 << 29
"""New items times all items, at most, that `content` compares between trainings: some 15 s. A catalog of 10,000 may
have 18,000 new products, one of 250,000 may have 2,100."""


def extended_catalog(catalog: Catalog, items: pd.DataFrame) -> Catalog:
    """Return the catalog with the frame's unknown items behind it, in the frame's order."""
    if not len(items):
        return catalog
    known, names = set(catalog.item_ids), items["item_id"].astype(str)
    fresh = items[np.array([name not in known for name in names]) & ~names.duplicated()]
    if not len(fresh):
        return catalog
    n = catalog.n_items
    texts = {
        column: _texts(getattr(catalog, column), n) + _column(fresh, source) for column, source in TEXT_COLUMNS.items()
    }
    attributes = catalog.attributes or ((),) * n
    return replace(
        catalog,
        item_ids=catalog.item_ids + tuple(fresh["item_id"].astype(str)),
        attributes=attributes + _attributes(fresh),
        prices=_numbers(catalog.prices, fresh, "price", n).astype(np.float32),
        first_seen=_numbers(catalog.first_seen, fresh, "first_seen", n),
        images=None,
        removed_at=None,
        **texts,
    )


def extended_statistics(statistics: ItemStatistics, before: Catalog, after: Catalog) -> ItemStatistics:
    """Return the statistics with rows for the new items: never touched, as popular as their category and brand are."""
    added = after.n_items - before.n_items
    kin = _kin(statistics, before, after)
    held = after.attributes[before.n_items :]
    known = _numbered(chain.from_iterable(before.attributes), statistics.attributes)
    attributes = _continued(statistics.attributes, known, chain.from_iterable(held))
    fresh = np.zeros((added, len(COLUMNS)), np.float32)
    for name in COLUMNS:
        if name.startswith(("trend", "stars", "bought_share")):
            fresh[:, COLUMNS.index(name)] = np.nan
    if after.prices is not None:
        fresh[:, COLUMNS.index("price")] = np.log1p(after.prices[before.n_items :])
        placed = price_in_category(after.prices, kin["category"])
        fresh[:, COLUMNS.index("price_in_category")] = placed[before.n_items :]
    table = np.concatenate([statistics.table, fresh])
    for fact, name in KIN_FACTS:
        column = COLUMNS.index(fact)
        table[before.n_items :, column] = _of_kin(table[: before.n_items, column], kin[name], before.n_items)
    unknown = np.full(added, np.nan)
    born = unknown if after.first_seen is None else after.first_seen[before.n_items :]
    return replace(
        statistics,
        table=table,
        born=np.concatenate([statistics.born, born]),
        last=np.concatenate([statistics.last, unknown]),
        gap=np.concatenate([statistics.gap, unknown]),
        starts=np.concatenate([statistics.starts, statistics.starts[-1] + np.cumsum([len(own) for own in held])]),
        attributes=attributes,
        rarity=rarity_of(attributes, after.n_items),
        **kin,
    )


def extended_source(source: Scoring, catalog: Catalog, *, before: Scoring | None = None) -> Scoring:
    """Return content, or what was looked at, knowing new items too; others, and where there are none, as they are.

    `before` is the same source that knows the first of them already: only the others are compared.
    Where so many came at once that comparing them would take minutes (an import), it waits for the next training:
    likeness by words stands in for it.
    """
    if isinstance(source, Recent):
        return source.extend(catalog)
    fresh = catalog.n_items - source.n_items
    if not isinstance(source, Content) or not 0 < fresh * catalog.n_items <= MOST_PAIRS:
        return source
    known = before if isinstance(before, Content) else source
    return known.extend(catalog) if known.n_items < catalog.n_items else known


def _kin(statistics: ItemStatistics, before: Catalog, after: Catalog) -> dict[str, Any]:
    """Return what `kin_codes` tells of the larger catalog, by other numbers: names that were known keep theirs."""
    paths, old = after.categories[before.n_items :], before.n_items
    departments = _numbered(before.categories, statistics.department)
    return {
        "category": _continued(statistics.category, _numbered(before.categories, statistics.category), paths),
        "department": _continued(
            statistics.department,
            {department(path): code for path, code in departments.items()},
            map(department, paths),
        ),
        "brand": _continued(statistics.brand, _numbered(before.brands, statistics.brand), after.brands[old:]),
        "group": _continued(statistics.group, _numbered(before.group_ids, statistics.group), after.group_ids[old:]),
    }


def _numbered(names: Iterable[str], codes: Ints) -> dict[str, int]:
    """Return the code of each name; the empty one has none."""
    every = dict(zip(names, codes.tolist(), strict=False))
    return {name: code for name, code in every.items() if code >= 0}


def _continued(codes: Ints, known: dict[str, int], fresh: Iterable[str]) -> Ints:
    """Return the codes of what is known, and behind them those of the fresh names, -1 for the empty one."""
    added = [known.setdefault(name, len(known)) if name else -1 for name in fresh]
    return np.concatenate([codes, np.array(added, np.int32)])


def _of_kin(values: Floats, codes: np.ndarray[tuple[int], np.dtype[np.int32]], n_known: int) -> Floats:
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


def _numbers(known: Floats | Doubles | None, frame: pd.DataFrame, name: str, n: int) -> Doubles:
    before = np.full(n, np.nan) if known is None else np.asarray(known, np.float64)
    added = np.full(len(frame), np.nan)
    if name in frame:
        added = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)
    return np.concatenate([before, added])
