"""An increment: between two trainings, fast sources and item statistics are fitted again on all events until now.

Slower sources, the ranker and the rating predictor stay as trained. The ranker needs scores of the same meaning, and
the same code on more rows gives them (docs/adr/0017). Pure.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from recsys.arrays import Ints
from recsys.data.catalog import NUMBER_COLUMNS, TEXT_COLUMNS, Catalog
from recsys.data.interactions import Interactions
from recsys.data.item_fingerprints import item_fingerprints
from recsys.ranking.extension import extended_source
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.sources.fitting import fit_all


def fit_increment(
    model: HybridModel, rows: Interactions, catalog: Catalog, *, manifest: Mapping[str, Any] | None = None
) -> HybridModel:
    """Return the model with fast sources and statistics fitted again on `rows`, whose items are codes of `catalog`.

    The model's own codes stay; new products follow them. `manifest` overrides the model's. Raises ValueError without
    rows.
    """
    if not len(rows):
        raise ValueError("there is nothing to learn from")
    merged, codes = merge_catalogs(model.catalog, catalog)
    past, until = replace(rows, items=codes[rows.items]), float(rows.times[-1])
    quick_sources = {
        name: type(source)(source.config) for name, source in model.sources.items() if source.cost == "seconds"
    }
    slow_sources = {
        name: extended_source(source, merged) for name, source in model.sources.items() if source.cost != "seconds"
    }
    sources = fit_all(quick_sources, past, merged) | slow_sources
    return replace(
        model,
        catalog=merged,
        sources={name: sources[name] for name in model.sources},
        statistics=replace(ItemStatistics.fit(past, merged, until=until, rated=False), stars=model.statistics.stars),
        exposure=model.exposure.extended(merged.n_items) if model.exposure else None,
        fingerprints=item_fingerprints(past, merged.n_items),
        manifest={**model.manifest, "until": until, "trained_until": model.statistics.until, **(manifest or {})},
    )


def merge_catalogs(before: Catalog, now: Catalog) -> tuple[Catalog, Ints]:
    """Return today's catalog in the codes of an earlier one, and int32[now.n_items], the merged code of each item.

    The earlier items come first, in their order, then the new ones. Removed items keep only their code. Images are
    dropped until the next training.
    """
    places = {name: code for code, name in enumerate(now.item_ids)}
    before_ids = set(before.item_ids)
    ids = before.item_ids + tuple(name for name in now.item_ids if name not in before_ids)
    rows = np.array([places.get(name, -1) for name in ids], np.int64)
    present = np.flatnonzero(rows >= 0)
    codes = np.empty(now.n_items, np.int32)
    codes[rows[present]] = present

    def texts(values: tuple[Any, ...], default: Any) -> tuple[Any, ...]:
        return tuple(values[row] if row >= 0 else default for row in rows.tolist()) if values else ()

    def numbers(values: Any) -> Any:
        if values is None:
            return None
        column = np.full(len(ids), np.nan, values.dtype)
        column[present] = values[rows[present]]
        return column

    columns: dict[str, Any] = {name: texts(getattr(now, name), "") for name in TEXT_COLUMNS}
    columns |= {name: numbers(getattr(now, name)) for name in NUMBER_COLUMNS if name != "images"}
    return Catalog(item_ids=ids, attributes=texts(now.attributes, ()), **columns), codes
