"""Slates, and why each item is on them: the sources that proposed it and the features that raised its score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.arrays import (
    Floats,
    Ints,
    Longs,
)
from recsys.ranking.candidates import Candidates
from recsys.ranking.ranker import Ranker


@dataclass(frozen=True, slots=True)
class Slate:
    """The ordered answer: items int32[k] best first, scores float32[k], and the sources of each item.

    `sources[i]` maps each source that lists the item to its score. `contributions[i]` maps the strongest features to
    their share of the score; it is empty without a ranker, or where no explanation was requested.
    """

    items: Ints
    scores: Floats
    sources: tuple[Mapping[str, float], ...]
    contributions: tuple[Mapping[str, float], ...]

    def __len__(self) -> int:
        return len(self.items)

    def among(self, items: Ints) -> "Slate":
        """Return the slate restricted to the items."""
        positions = np.flatnonzero(np.isin(self.items, items))
        sources, contributions = (
            tuple(values[at] for at in positions.tolist()) for values in (self.sources, self.contributions)
        )
        return Slate(self.items[positions], self.scores[positions], sources, contributions)


MAX_CONTRIBUTIONS = 8


def to_slates(
    candidates: Candidates,
    scores: Floats,
    k: int,
    *,
    ranker: Ranker | None = None,
    features: Floats | None = None,
) -> list[Slate]:
    """Return one slate per row of the candidates: the k best by score, ties to the lower code.

    With `ranker` and its `features` each item is explained.
    """
    order = np.lexsort((candidates.items, -scores, candidates.rows))
    ends = np.searchsorted(candidates.rows[order], np.arange(candidates.n_rows + 1))
    chosen = [order[start : min(end, start + k)] for start, end in zip(ends[:-1], ends[1:], strict=True)]
    return [_slate(candidates, scores, rows, ranker, features) for rows in chosen]


def _slate(
    candidates: Candidates,
    scores: Floats,
    rows: Longs,
    ranker: Ranker | None,
    features: Floats | None,
) -> Slate:
    shares: tuple[Mapping[str, float], ...] = ({},) * len(rows)
    if ranker is not None and features is not None and len(rows):
        shares = _contributions(ranker.contributions(features[rows]), ranker.names)
    return Slate(
        candidates.items[rows].astype(np.int32), scores[rows].astype(np.float32), _proposers(candidates, rows), shares
    )


def _proposers(candidates: Candidates, rows: Longs) -> tuple[Mapping[str, float], ...]:
    scores_by_source: list[dict[str, float]] = [{} for _ in rows]
    positions, columns = np.nonzero(~np.isnan(candidates.ranks[rows]))
    scores = candidates.scores[rows[positions], columns]
    for at, column, score in zip(positions.tolist(), columns.tolist(), scores.tolist(), strict=True):
        scores_by_source[at][candidates.sources[column]] = score
    return tuple(scores_by_source)


def _contributions(shares: Floats, names: Sequence[str]) -> tuple[Mapping[str, float], ...]:
    contributions = []
    for line in shares[:, :-1]:
        strongest = np.argsort(-np.abs(line), kind="stable")[:MAX_CONTRIBUTIONS]
        contributions.append({names[at]: float(line[at]) for at in strongest.tolist() if line[at] != 0})
    return tuple(contributions)
