"""Candidates: the union of what each source proposes to each shopper, and every source's opinion of the union."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.arrays import (
    Bools,
    Floats,
    Ints,
    Longs,
)
from recsys.data.profile import Context, Profile
from recsys.parallel import side_by_side
from recsys.ranking.groups import rank_in_row
from recsys.sources.scoring import Scoring
from recsys.sources.top import best

CHUNK_CELLS = 1 << 21
"""Scores held at once for each source by each worker while many shoppers are answered: 8 MB of float32.

Item-to-item sources widen their table besides (54 MB of 17,000 items), or what is asked of it, once a chunk."""
MIN_CHUNK_ROWS = 16
"""Shoppers of a chunk even where a catalogue, of more than 131,000 items, then needs more than `CHUNK_CELLS`: factors
and tables are read once a chunk."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs (rows[i], items[i]) ascending by row, then item; columns follow the order of `sources`.

    `scores` is float32[n, n_sources], 0 where a source has no opinion; `ranks` float32[n, n_sources], the place in the
    source's own list from 0, NaN where the list does not hold the item.
    """

    rows: Longs
    items: Longs
    scores: Floats
    ranks: Floats
    sources: tuple[str, ...]
    n_rows: int

    def part(self, mask: Bools) -> "Candidates":
        """Return the pairs for which `kept` is true."""
        return Candidates(
            self.rows[mask], self.items[mask], self.scores[mask], self.ranks[mask], self.sources, self.n_rows
        )

    def row_range(self, pairs: slice, start: int, end: int) -> "Candidates":
        """Return the pairs of the rows start to end - 1, which stand in the slice, numbered from 0."""
        return Candidates(
            self.rows[pairs] - start,
            self.items[pairs],
            self.scores[pairs],
            self.ranks[pairs],
            self.sources,
            end - start,
        )


def ranked_within_candidates(candidates: Candidates) -> Candidates:
    """Return the candidates ranked by each source's scores among themselves, not in its list of all items."""
    ranks = [
        np.where(column != 0, rank_in_row(column, candidates.rows), np.nan).astype(np.float32)
        for column in candidates.scores.T
    ]
    return replace(candidates, ranks=np.column_stack(ranks) if ranks else candidates.ranks)


def in_history(profiles: Sequence[Profile], candidates: Candidates) -> Bools:
    """Return bool[n_pairs]: which candidates are in the history of the shopper whose they are."""
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
) -> Candidates:
    """Return the candidates of all shoppers: the best `quotas[name]` of each source, or the `given` items for each.

    Beside what is given stands the first of each source's list, for scores are told as shares of it.

    Many shoppers are asked about in chunks of bounded memory, two at a time.
    """
    widest = max((source.n_items for source in sources.values()), default=1)
    size = max(MIN_CHUNK_ROWS, CHUNK_CELLS // max(1, widest))

    def chunk(at: int) -> Candidates:
        own = slice(at, at + size)
        return _gather_chunk(sources, profiles[own], contexts[own], quotas, n_items, fixed_items, at)

    starts = range(0, len(profiles), size)
    # One shopper's answer, as in a request, is not worth a thread.
    parts = list(side_by_side(chunk, starts).values()) if len(starts) > 1 else [chunk(at) for at in starts]
    return concatenate_candidates(parts, tuple(sources), len(profiles))


def _gather_chunk(
    sources: Mapping[str, Scoring],
    profiles: Sequence[Profile],
    contexts: Sequence[Context],
    quotas: Mapping[str, int],
    n_items: int,
    fixed_items: Ints | None,
    first_row: int,
) -> Candidates:
    dense = {name: _dense(source, profiles, contexts) for name, source in sources.items()}
    lists = {
        name: [
            best(line, profile, context, quotas[name], drop=context.items if sources[name].contextual else ())
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
    return Candidates(rows + first_row, items, scores, ranks, tuple(sources), len(profiles))


def _dense(source: Scoring, profiles: Sequence[Profile], contexts: Sequence[Context]) -> Floats:
    if len(profiles) == 1:
        return source.scores(profiles[0], contexts[0])[None, :]
    return source.scores_many(profiles, contexts)


def _codes(lists: Sequence[Ints], n_items: int) -> Longs:
    codes = [row * n_items + items.astype(np.int64) for row, items in enumerate(lists)]
    return np.concatenate(codes) if codes else np.empty(0, np.int64)


def _positions(codes: Longs, searched: Longs) -> tuple[Longs, Longs]:
    """Return where in the ascending codes the wanted ones are, and which of the wanted were found."""
    if not len(codes):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    place = np.minimum(np.searchsorted(codes, searched), len(codes) - 1)
    matches = np.flatnonzero(codes[place] == searched)
    return place[matches], matches


def concatenate_candidates(parts: Sequence[Candidates], sources: tuple[str, ...], n_rows: int) -> Candidates:
    """Return the candidates of several questions, which name their rows among all, as one list."""
    if not parts:
        empty = np.empty((0, len(sources)), np.float32)
        return Candidates(np.empty(0, np.int64), np.empty(0, np.int64), empty, empty, sources, n_rows)
    return Candidates(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.items for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.ranks for part in parts]),
        sources,
        n_rows,
    )
