"""Session kNN (after VSTAN): sessions that look like this one, recent first, tell what comes next.

Source: Ludewig, Mauro, Latifi, Jannach, "Empirical analysis of session-based recommendation algorithms", UMUAI 2021.
The artefact holds a sample of sessions as sets of items in order, without shopper, id or clock; items that fewer than
`least_shoppers` shoppers touched are left out of them, so that a rare item cannot point at a person (docs/adr/0011).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from personalization.recommenders.base import Catalogue, Config, Context, Floats, Interactions, Profile
from personalization.recommenders.baskets import basket_codes
from personalization.recommenders.decay import DECAY_SPACE, SESSION_START, ProfileDecay, Query, query
from personalization.recommenders.scoring import Scoring, SearchSpace
from personalization.recommenders.storage import Array, Arrays


@dataclass(frozen=True)
class SessionKNNConfig(ProfileDecay):
    """The `candidates` newest sessions sharing an item are compared, the `neighbors` most alike vote.

    Sessions of over `longest` items are not learnt from; of a shopper, the `longest` items that count most are read.

    `idf` is the power of an item's rarity in likeness and vote, `session_half_life_days` ages sessions. Good:
    neighbors 100–500, candidates 1,000–5,000, idf .5–1, step .5–.8.
    """

    half_life_days: float = 7.0
    step: float = 0.7
    neighbors: int = 300
    candidates: int = 2000
    idf: float = 0.5
    session_half_life_days: float = 90.0
    most_sessions: int = 200_000
    longest: int = 30
    least_shoppers: int = 3


class SessionKNN(Scoring):
    """What shoppers in sessions like this one also looked at."""

    name: ClassVar[str] = "session_knn"
    config_class: ClassVar[type[Config]] = SessionKNNConfig
    config: SessionKNNConfig
    personal: ClassVar[bool] = True
    contextual: ClassVar[bool] = True
    learns_taste: ClassVar[bool] = True
    STARTS: ClassVar[tuple[dict[str, Any], ...]] = (SESSION_START,)
    SERVE_TIME: ClassVar[frozenset[str]] = frozenset(DECAY_SPACE) | {"neighbors", "candidates", "idf", "signal_weights"}
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **DECAY_SPACE,
        "neighbors": ("int", 50, 1000),
        "candidates": ("choice", [500, 2000, 5000]),
        "idf": ("float", 0.0, 1.5, False),
        "session_half_life_days": ("float", 3.0, 1000.0, True),
    }
    rarity: Floats

    def learn(self, interactions: Interactions, catalogue: Catalogue) -> Arrays:
        """Return the sessions (oldest first), how much each still counts, and which of them hold an item."""
        c, n = self.config, catalogue.n_items
        sessions, ages = self._sessions(interactions, n)
        holding = sessions.tocsc()
        return {
            "session_rows": sessions.indptr.astype(np.int64),
            "session_items": sessions.indices.astype(np.int32),
            "weight": np.exp2(-ages / c.session_half_life_days).astype(np.float32),
            "item_rows": holding.indptr.astype(np.int64),
            "item_sessions": holding.indices.astype(np.int32),
        }

    def wake(self) -> None:
        """Prepare the rarity of each item and an empty board for likeness."""
        held = np.diff(self.arrays["item_rows"])
        sessions = max(1, len(self.arrays["weight"]))
        self.rarity = np.log1p(sessions / np.maximum(held, 1)).astype(np.float32) ** self.config.idf

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return the vote of the most alike sessions for each of their items."""
        found = query(profile, context, self.config, self.n_items)
        rows, likeness = self._neighbors(found)
        starts = self.arrays["session_rows"][rows]
        lengths = self.arrays["session_rows"][rows + 1] - starts
        places = np.repeat(np.arange(len(rows)), lengths)
        entries = np.arange(len(places)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + starts[places]
        items = self.arrays["session_items"][entries]
        votes = np.bincount(items, likeness[places], self.n_items)
        return (votes * self.rarity).astype(np.float32)

    def knows(self, item: int) -> bool:
        """Return whether a session holds the item."""
        rows = self.arrays["item_rows"]
        return 0 <= item < self.n_items and bool(rows[item] < rows[item + 1])

    def _neighbors(self, found: Query) -> tuple[Array, Array]:
        """Return session codes, ascending, and their likeness: shared weight x rarity over the session's length."""
        codes, weights = _heaviest(found, self.config.longest)
        rows, newest = self.arrays["item_rows"], self.config.candidates
        parts = [self.arrays["item_sessions"][max(rows[i], rows[i + 1] - newest) : rows[i + 1]] for i in codes]
        if not sum(map(len, parts)):
            return np.empty(0, np.int64), np.empty(0)
        sessions, where = np.unique(np.concatenate(parts), return_inverse=True)
        gains = np.repeat(weights * self.rarity[codes], [len(part) for part in parts])
        likeness = np.bincount(where, gains, len(sessions)) * self.arrays["weight"][sessions]
        likeness /= np.sqrt(np.diff(self.arrays["session_rows"])[sessions])
        chosen = np.sort(np.argsort(-likeness, kind="stable")[: self.config.neighbors])
        return sessions[chosen], likeness[chosen]

    def _sessions(self, interactions: Interactions, n_items: int) -> tuple[sparse.csr_matrix, Array]:
        """Return csr sessions x items of ones and the age of each session in whole days."""
        c = self.config
        pairs = np.unique(interactions.users * np.int64(max(1, n_items)) + interactions.items)
        shoppers = np.bincount(pairs % max(1, n_items), minlength=n_items)
        common = shoppers >= min(c.least_shoppers, max(1, interactions.n_users // 4))
        kept = np.flatnonzero(common[interactions.items])
        codes, items, times = basket_codes(interactions)[kept], interactions.items[kept], interactions.times[kept]
        names, codes = np.unique(codes, return_inverse=True)
        ends = np.zeros(len(names))
        np.maximum.at(ends, codes, times)
        order = np.argsort(ends, kind="stable")
        rank = np.empty(len(names), np.int64)
        rank[order] = np.arange(len(names))
        cells = (np.ones(len(items), np.float32), (rank[codes], items))
        matrix = sparse.csr_matrix(cells, shape=(len(names), n_items))
        matrix.sum_duplicates()
        lengths = np.diff(matrix.indptr)
        usable = np.flatnonzero((lengths > 1) & (lengths <= c.longest))[-c.most_sessions :]
        ages = (interactions.times.max(initial=0) - ends[order][usable]) // 86_400
        return matrix[usable], ages


def _heaviest(found: Query, most: int) -> Query:
    """Return the `most` items of the query that count most, ascending; ties go to the lower code."""
    codes, weights = found
    kept = np.sort(np.argsort(-weights, kind="stable")[:most])
    return codes[kept], weights[kept]
