"""Unlearning: after an erasure, counts become what a rebuild without the erased shoppers gives, bit for bit. Pure.

The plan, the catalog and the clock stay. Tables of counts, popularity and the item statistics are learned from the rows
that are left; item-to-item tables change only where an erased shopper's items are (`recsys.sources.counted`).
Factors, trees, user kNN and the other slow sources follow with the next training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from recsys.arrays import Longs
from recsys.data.interactions import Interactions
from recsys.data.item_fingerprints import Fingerprints, changed_items, item_fingerprints
from recsys.parallel import run_parallel
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.sources.scoring import Scoring

STATISTICS = ""
"""The key of the item statistics among the names of sources."""


def unlearn(
    model: HybridModel, rows: Interactions, item_ids: Sequence[str], *, manifest: Mapping[str, Any] | None = None
) -> HybridModel:
    """Return the model without the shoppers who are not in `rows`, whose item codes are positions in `item_ids`.

    Rows after the model's clock, and of products that it does not know, are left out. `manifest` overrides the model's.
    """
    past = remaining_rows(model, rows, item_ids)
    fingerprints = item_fingerprints(past, model.catalog.n_items)
    changed = _changed(model, fingerprints)

    def relearned(name: str) -> Any:
        return fresh_statistics(model, past) if name == STATISTICS else sources[name].refitted(past, catalog, changed)

    sources, catalog = unlearning_sources(model), model.catalog
    results = run_parallel(relearned, [STATISTICS, *sources]) if len(changed) else {}
    statistics = results.pop(STATISTICS, model.statistics)
    return replace(
        model,
        sources={name: results.get(name, source) for name, source in model.sources.items()},
        statistics=statistics,
        fingerprints=fingerprints,
        manifest={**model.manifest, **(manifest or {})},
    )


def unlearning_sources(model: HybridModel) -> dict[str, Scoring]:
    """Return the sources that an erasure changes at once, by name."""
    return {name: source for name, source in model.sources.items() if source.unlearns}


def following_sources(model: HybridModel) -> list[str]:
    """Return the names of the sources that learned from shoppers and follow with the next training."""
    return [name for name, source in model.sources.items() if not source.unlearns and source.learned_until is not None]


def clock_of(model: HybridModel) -> float | None:
    """Return the moment from which the counts decay; None where none was learned from any row."""
    clocks = [own.learned_until for own in unlearning_sources(model).values() if own.learned_until is not None]
    return max(clocks, default=None)


def remaining_rows(model: HybridModel, rows: Interactions, item_ids: Sequence[str]) -> Interactions:
    """Return those of the rows that the model's counts may hold, in its item codes and with its clock."""
    places = {name: code for code, name in enumerate(model.catalog.item_ids)}
    codes = np.array([places.get(name, -1) for name in item_ids], np.int32)
    items, clock = codes[rows.items], clock_of(model)
    until = -np.inf if clock is None else clock
    return replace(rows, items=items, clock=clock).select((items >= 0) & (rows.times <= until))


def fresh_statistics(model: HybridModel, past: Interactions) -> ItemStatistics:
    """Return the item statistics of the rows at the model's moment, with the rating predictor as it was."""
    fresh = ItemStatistics.fit(past, model.catalog, until=model.statistics.until, rated=False)
    return replace(fresh, stars=model.statistics.stars)


def _changed(model: HybridModel, fingerprints: Fingerprints) -> Longs:
    if model.fingerprints is None:
        return np.arange(model.catalog.n_items)
    return changed_items(model.fingerprints, fingerprints)
