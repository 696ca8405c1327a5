"""Candidates: the union of the sources' proposals for each shopper, scored by every source."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.arrays import (
    Bools,
    Floats,
    Ints,
    Longs,
)
from recsys.data.profile import Context, Profile
from recsys.parallel import run_parallel
from recsys.ranking.groups import rank_in_row
from recsys.ranking.visit import following, newest_items, shares_after
from recsys.sources.base import Ranked
from recsys.sources.item_item import ItemItem
from recsys.sources.item_scores import ItemScores
from recsys.sources.scoring import Scoring
from recsys.sources.top import permitted, top_k

CHUNK_CELLS = 1 << 21
"""Scores in memory for each source and worker while many shoppers are answered: 8 MB of float32.

Item-to-item sources also densify their table, or the rows they need, once a chunk (54 MB for 17,000 items)."""
MIN_CHUNK_ROWS = 16
"""The fewest shoppers of a chunk, also where more than 131,000 items then exceed `CHUNK_CELLS`. Factors and tables are
read once a chunk."""


PAIR_COLUMNS = ("rows", "items", "scores", "ranks", "after")
"""Columns of candidates with one row per pair."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs (rows[i], items[i]) ascending by row, then item; columns follow the order of `sources`.

    `scores` is float32[n, n_sources], 0 where a source does not score the item. `ranks` is float32[n, n_sources], the
    rank from 0 in the source's own list, NaN where the list lacks the item. `after`, float32[n, n_following], is how
    well the item follows the shopper's newest one alone, by each source of `following(sources)`; None is unknown.
    """

    rows: Longs
    items: Longs
    scores: Floats
    ranks: Floats
    sources: tuple[str, ...]
    n_rows: int
    after: Floats | None = None

    def part(self, pairs: Bools | slice) -> "Candidates":
        """Return the pairs of the mask, bool[n], or of the slice."""
        columns = {name: column[pairs] for name in PAIR_COLUMNS if (column := getattr(self, name)) is not None}
        return replace(self, **columns)

    def row_range(self, pairs: slice, start: int, end: int) -> "Candidates":
        """Return the pairs of the slice, which are those of the rows start to end - 1; rows are renumbered from 0."""
        part = self.part(pairs)
        return replace(part, rows=part.rows - start, n_rows=end - start)


def ranked_within_candidates(candidates: Candidates) -> Candidates:
    """Return the candidates with ranks among the candidates instead of ranks among all items."""
    ranks = [
        np.where(column != 0, rank_in_row(column, candidates.rows), np.nan).astype(np.float32)
        for column in candidates.scores.T
    ]
    return replace(candidates, ranks=np.column_stack(ranks) if ranks else candidates.ranks)


def in_history(profiles: Sequence[Profile], candidates: Candidates) -> Bools:
    """Return bool[n_pairs]: whether the candidate is in its shopper's history."""
    is_in_history: Bools = np.zeros(len(candidates.rows), np.bool_)
    ends = np.searchsorted(candidates.rows, np.arange(len(profiles) + 1))
    for row, profile in enumerate(profiles):
        pairs = slice(ends[row], ends[row + 1])
        is_in_history[pairs] = np.isin(candidates.items[pairs], profile.items)
    return is_in_history


def gather(
    sources: Mapping[str, Scoring],
    profiles: Sequence[Profile],
    contexts: Sequence[Context],
    *,
    quotas: Mapping[str, int],
    n_items: int,
    fixed_items: Ints | None = None,
    of_history: Collection[str] = (),
) -> Candidates:
    """Return the candidates of all shoppers: the best `quotas[name]` of each source, or `fixed_items` for everybody.

    With `fixed_items` the first of each source's list is added, since features hold shares of its score. The sources
    `of_history` answer by the history although there are context items. Many shoppers are processed in chunks of
    bounded memory, two at a time.
    """
    widest = max((source.n_items for source in sources.values()), default=1)
    size = max(MIN_CHUNK_ROWS, CHUNK_CELLS // max(1, widest))

    def chunk(at: int) -> Candidates:
        own = slice(at, at + size)
        return _gather_chunk(sources, profiles[own], contexts[own], quotas, n_items, fixed_items, at, of_history)

    if len(profiles) == 1:
        return _gather_one(sources, profiles[0], contexts[0], quotas, n_items, fixed_items, of_history)
    starts = range(0, len(profiles), size)
    parts = list(run_parallel(chunk, starts).values()) if len(starts) > 1 else [chunk(at) for at in starts]
    return concatenate_candidates(parts, tuple(sources), len(profiles))


def _gather_one(
    sources: Mapping[str, Scoring],
    profile: Profile,
    context: Context,
    quotas: Mapping[str, int],
    n_items: int,
    fixed_items: Ints | None,
    of_history: Collection[str],
) -> Candidates:
    """Return the candidates of one shopper, as `_gather_chunk` does: time grows with them, hardly with the catalog."""
    bare, widest = Context(), max((source.n_items for source in sources.values()), default=0)
    free_mask = permitted(widest, profile, context, ())
    mask_without_context = permitted(widest, profile, context, context.items) if context.items else free_mask
    lists: list[Ranked] = []
    all_scores: list[ItemScores] = []
    for name, source in sources.items():
        drops = source.contextual or name in of_history
        mask = (mask_without_context if drops else free_mask)[: source.n_items]
        scores_of_source = source.item_scores(profile, bare if name in of_history else context)
        all_scores.append(scores_of_source)
        lists.append(scores_of_source.best(mask, quotas[name]))
    listed = [ranked.items if fixed_items is None else ranked.items[:1] for ranked in lists]
    items = np.unique(np.concatenate([np.empty(0, np.int32) if fixed_items is None else fixed_items, *listed]))
    places = np.full(max(n_items, widest), -1, np.int32)
    places[items] = np.arange(len(items), dtype=np.int32)
    scores = np.zeros((len(items), len(sources)), np.float32)
    ranks = np.full((len(items), len(sources)), np.nan, np.float32)
    for column, (own_scores, ranked) in enumerate(zip(all_scores, lists, strict=True)):
        own_scores.enter(items, places, scores, column)
        ItemScores(np.arange(len(ranked.items), dtype=np.float32), ranked.items).enter(items, places, ranks, column)
    followers = [sources[name] for name in following(tuple(sources))]
    after, newest = np.zeros((len(items), len(followers)), np.float32), newest_items([profile])[0]
    for column, source in enumerate(followers):
        if isinstance(source, ItemItem):
            source.table.enter_shares(newest, places, after, column)
    return Candidates(np.zeros(len(items), np.int64), items.astype(np.int64), scores, ranks, tuple(sources), 1, after)


def _gather_chunk(
    sources: Mapping[str, Scoring],
    profiles: Sequence[Profile],
    contexts: Sequence[Context],
    quotas: Mapping[str, int],
    n_items: int,
    fixed_items: Ints | None,
    first_row: int,
    of_history: Collection[str],
) -> Candidates:
    bare = [Context()] * len(contexts)
    dense = {
        name: source.scores_many(profiles, bare if name in of_history else contexts) for name, source in sources.items()
    }
    drops = {name for name, source in sources.items() if source.contextual or name in of_history}
    lists = {
        name: [
            top_k(line, profile, context, quotas[name], drop=context.items if name in drops else ())
            for line, profile, context in zip(dense[name], profiles, contexts, strict=True)
        ]
        for name in sources
    }
    list_codes = {name: _codes([ranked.items for ranked in lists[name]], n_items) for name in sources}
    if fixed_items is None:
        codes = np.unique(np.concatenate([np.empty(0, np.int64), *list_codes.values()]))
    else:
        pairs = (np.arange(len(profiles))[:, None] * n_items + np.unique(fixed_items)).ravel()
        top_codes = [_codes([ranked.items[:1] for ranked in lists[name]], n_items) for name in sources]
        codes = np.unique(np.concatenate([pairs, *top_codes]))
    rows, items = codes // n_items, codes % n_items
    scores = np.zeros((len(codes), len(sources)), np.float32)
    ranks = np.full((len(codes), len(sources)), np.nan, np.float32)
    for column, name in enumerate(sources):
        is_known = items < dense[name].shape[1]
        scores[is_known, column] = dense[name][rows[is_known], items[is_known]]
        list_ranks = np.concatenate([np.empty(0, np.int64), *(np.arange(len(r.items)) for r in lists[name])])
        positions, matches = _positions(codes, list_codes[name])
        ranks[positions, column] = list_ranks[matches]
    followers = [sources[name] for name in following(tuple(sources))]
    after = shares_after(followers, newest_items(profiles), rows, items)
    return Candidates(rows + first_row, items, scores, ranks, tuple(sources), len(profiles), after)


def _codes(lists: Sequence[Ints], n_items: int) -> Longs:
    codes = [row * n_items + items.astype(np.int64) for row, items in enumerate(lists)]
    return np.concatenate(codes) if codes else np.empty(0, np.int64)


def _positions(codes: Longs, searched: Longs) -> tuple[Longs, Longs]:
    """Return the positions of the searched codes in the ascending `codes`, and which of the searched ones match."""
    if not len(codes):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    place = np.minimum(np.searchsorted(codes, searched), len(codes) - 1)
    matches = np.flatnonzero(codes[place] == searched)
    return place[matches], matches


def concatenate_candidates(parts: Sequence[Candidates], sources: tuple[str, ...], n_rows: int) -> Candidates:
    """Return the candidates of several parts as one; their rows are already numbered among all."""
    if not parts:
        none, empty = np.empty(0, np.int64), np.empty((0, len(sources)), np.float32)
        return Candidates(none, none, empty, empty, sources, n_rows)
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in PAIR_COLUMNS}
    return Candidates(**columns, sources=sources, n_rows=n_rows)
