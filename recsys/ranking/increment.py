"""An increment: what is learnt in seconds is learnt again, between two trainings, from all that happened until now.

Sources that take longer, the ranker, and what ratings taught stay as they were trained: they count on their neighbors'
scores meaning what they meant, which the same code on more rows does (docs/adr/0017). Pure.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from recsys.arrays import Ints
from recsys.data.catalog import NUMBER_COLUMNS, TEXT_COLUMNS, Catalog
from recsys.data.interactions import Interactions
from recsys.ranking.extension import extended_source
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.sources.fitting import fit_all


def incremented(
    model: HybridModel, rows: Interactions, catalog: Catalog, *, manifest: Mapping[str, Any] | None = None
) -> HybridModel:
    """Return the model with quick sources and statistics fitted again on `rows`, whose items are codes of `catalog`.

    Its own codes stay; products it did not know come behind. `manifest` stands over its own. Raises ValueError where
    there are no rows.
    """
    if not len(rows):
        raise ValueError("there is nothing to learn from")
    today, codes = renewed(model.catalog, catalog)
    past, until = replace(rows, items=codes[rows.items]), float(rows.times[-1])
    again = {name: type(source)(source.config) for name, source in model.sources.items() if source.cost == "seconds"}
    kept = {name: extended_source(source, today) for name, source in model.sources.items() if source.cost != "seconds"}
    known = fit_all(again, past, today) | kept
    return replace(
        model,
        catalog=today,
        sources={name: known[name] for name in model.sources},
        statistics=replace(ItemStatistics.fit(past, today, until=until, rated=False), stars=model.statistics.stars),
        exposure=model.exposure.extended(today.n_items) if model.exposure else None,
        manifest={**model.manifest, "until": until, "trained_until": model.statistics.until, **(manifest or {})},
    )


def renewed(before: Catalog, now: Catalog) -> tuple[Catalog, Ints]:
    """Return today's catalog in the codes of an earlier one, and int32[now.n_items], which of them each item has.

    The earlier one's items come first, in their order, then the new ones. Of what is gone only the code is left.
    Pictures are left to the next training.
    """
    places = {name: code for code, name in enumerate(now.item_ids)}
    known = set(before.item_ids)
    ids = before.item_ids + tuple(name for name in now.item_ids if name not in known)
    rows = np.array([places.get(name, -1) for name in ids], np.int64)
    there = np.flatnonzero(rows >= 0)
    codes = np.empty(now.n_items, np.int32)
    codes[rows[there]] = there

    def texts(own: tuple[Any, ...], nothing: Any) -> tuple[Any, ...]:
        return tuple(own[row] if row >= 0 else nothing for row in rows.tolist()) if own else ()

    def numbers(own: Any) -> Any:
        if own is None:
            return None
        found = np.full(len(ids), np.nan, own.dtype)
        found[there] = own[rows[there]]
        return found

    columns: dict[str, Any] = {name: texts(getattr(now, name), "") for name in TEXT_COLUMNS}
    columns |= {name: numbers(getattr(now, name)) for name in NUMBER_COLUMNS if name != "images"}
    return Catalog(item_ids=ids, attributes=texts(now.attributes, ()), **columns), codes
