"""Products created after training: appended behind the known codes, described by their content alone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from personalization.ranking.facts import COLUMNS, ItemFacts, attribute_rows, kin_codes, price_in_category
from personalization.recommenders.base import TEXTS, Catalogue, Floats, Times
from personalization.recommenders.content import Content
from personalization.recommenders.scoring import Scoring

KIN_FACTS = (("category_popular", "category"), ("brand_popular", "brand"), ("category_velocity", "category"))
"""Facts that a new item shares with its kin."""
MOST_PAIRS = 1 << 29
"""New items times all items, at most, that `content` compares between trainings: some 15 s. A catalogue of 10,000 may
have 18,000 new products, one of 250,000 may have 2,100."""


def extended_catalogue(catalogue: Catalogue, items: pd.DataFrame) -> Catalogue:
    """Return the catalogue with the frame's unknown items behind it, in the frame's order."""
    known = set(catalogue.item_ids)
    names = items["item_id"].astype(str)
    fresh = items[~names.isin(known) & ~names.duplicated()]
    if not len(fresh):
        return catalogue
    n = catalogue.n_items
    texts = {column: _texts(getattr(catalogue, column), n) + _column(fresh, source) for column, source in TEXTS.items()}
    attributes = catalogue.attributes or ((),) * n
    return replace(
        catalogue,
        item_ids=catalogue.item_ids + tuple(fresh["item_id"].astype(str)),
        attributes=attributes + _attributes(fresh),
        prices=_numbers(catalogue.prices, fresh, "price", n).astype(np.float32),
        first_seen=_numbers(catalogue.first_seen, fresh, "first_seen", n),
        images=None,
        gone=None,
        **texts,
    )


def extended_facts(facts: ItemFacts, before: Catalogue, after: Catalogue) -> ItemFacts:
    """Return the facts with rows for the new items: never touched, as popular as their category and brand are."""
    added = after.n_items - before.n_items
    kin: dict[str, Any] = kin_codes(after)
    starts, attributes, rarity = attribute_rows(after)
    fresh = np.zeros((added, len(COLUMNS)), np.float32)
    for name in COLUMNS:
        if name.startswith(("trend", "stars", "bought_share")):
            fresh[:, COLUMNS.index(name)] = np.nan
    if after.prices is not None:
        fresh[:, COLUMNS.index("price")] = np.log1p(after.prices[before.n_items :])
        placed = price_in_category(after.prices, kin["category"])
        fresh[:, COLUMNS.index("price_in_category")] = placed[before.n_items :]
    table = np.concatenate([facts.table, fresh])
    for fact, name in KIN_FACTS:
        column = COLUMNS.index(fact)
        table[before.n_items :, column] = _of_kin(table[: before.n_items, column], kin[name], before.n_items)
    unknown = np.full(added, np.nan)
    born = unknown if after.first_seen is None else after.first_seen[before.n_items :]
    return replace(
        facts,
        table=table,
        born=np.concatenate([facts.born, born]),
        last=np.concatenate([facts.last, unknown]),
        gap=np.concatenate([facts.gap, unknown]),
        starts=starts,
        attributes=attributes,
        rarity=rarity,
        **kin,
    )


def extended_source(source: Scoring, catalogue: Catalogue) -> Scoring:
    """Return a content source that knows new items too; others, and where there are none, as they are.

    Where so many came at once that comparing them would take minutes (an import), it waits for the next training:
    likeness by words stands in for it.
    """
    fresh = catalogue.n_items - source.n_items
    if not isinstance(source, Content) or not 0 < fresh * catalogue.n_items <= MOST_PAIRS:
        return source
    return source.extend(catalogue)


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


def _numbers(known: Floats | Times | None, frame: pd.DataFrame, name: str, n: int) -> Times:
    before = np.full(n, np.nan) if known is None else np.asarray(known, np.float64)
    added = np.full(len(frame), np.nan)
    if name in frame:
        added = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)
    return np.concatenate([before, added])
