"""VSTAN: STAN (Garg et al., SIGIR 2019) with the rarity of VS-kNN (Ludewig et al., UMUAI 2021)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from recsys.arrays import Doubles, Floats, Ints, Longs
from recsys.data.catalog import Catalog
from recsys.data.folds import Fold
from recsys.data.interactions import DAY, Interactions
from recsys.data.profile import Profile
from recsys.evaluation.peers.base import (
    Matrix,
    Peer,
    Space,
    hidden_matrix,
    shopper_chunks,
    stack_slates,
    top_k_columns,
)
from recsys.evaluation.peers.session import current_items, sessions


class VSTAN(Peer):
    """Votes of similar sessions, which count by how late shared items are in the current session and how old they are.

    A session's similarity is the sum of exp(-steps back / `recall`) over shared items, divided by the root of both
    lengths, times exp(-age in days / `fading`). Each of the `neighbors` most similar votes for its items by
    exp(-distance / `near`) from the latest shared one. A vote is multiplied by 1 + `rarity` · idf. None is no decay.
    """

    name = "VSTAN"
    space: ClassVar[Space] = {
        "neighbors": ("choice", [50, 100, 200, 500, 1000]),
        "recall": ("choice", [0.3, 0.6, 1.0, 2.0, 4.0, None]),
        "fading": ("choice", [5.0, 20.0, 60.0, 200.0, None]),
        "near": ("choice", [0.5, 1.0, 2.0, 5.0, 20.0, None]),
        "length": ("choice", [5, 10, 20, 50]),
        "whole": ("choice", [False, True]),
        "across": ("choice", [False, True]),
        "rarity": ("choice", [0, 1, 2, 5, 10]),
    }
    starts: ClassVar[Sequence[Mapping[str, Any]]] = (
        {"rarity": 5},
        {"rarity": 5, "whole": True, "across": True},
        {"rarity": 10, "recall": 1.0, "near": 2.0, "neighbors": 1000},
    )

    def fit(self, past: Interactions, catalog: Catalog) -> None:
        """Split the past into sessions of distinct items, each at its last place."""
        self.n_items = catalog.n_items
        order, starts = sessions(past, whole=self.config.get("whole", False))
        items, session = past.items[order].astype(np.int64), np.cumsum(starts) - 1
        place = np.arange(len(items)) - np.flatnonzero(starts)[session] if len(items) else np.empty(0, np.int64)
        n_sessions = int(session.max(initial=-1)) + 1
        codes, last = np.unique((session * self.n_items + items)[::-1], return_index=True)
        at = len(items) - 1 - last
        self.items, self.places = items[at], place[at]
        self.bounds = np.searchsorted(codes // max(1, self.n_items), np.arange(n_sessions + 1))
        self.ends = np.full(n_sessions, -np.inf)
        np.maximum.at(self.ends, session, past.times[order])
        sizes = np.maximum(np.diff(self.bounds), 1)
        shape = (n_sessions, self.n_items)
        ones: Matrix = sparse.csr_matrix((np.ones(len(at), np.float32), self.items, self.bounds), shape=shape)
        self.normalized_sessions = (sparse.diags(1 / np.sqrt(sizes)) @ ones).T.tocsr()
        idf = np.log(max(1, n_sessions) / np.maximum(np.bincount(self.items, minlength=self.n_items), 1))
        self.rarity: Doubles = 1 + self.config.get("rarity", 0) * idf

    def answer(self, fold: Fold, k: int) -> Ints:
        """Return the items with the most votes."""
        parts = []
        for rows in shopper_chunks(len(fold), max(self.n_items, len(self.ends))):
            current = [self._current(fold.profiles[row]) for row in rows]
            now = np.array([fold.profiles[row].now for row in rows])
            similarity = np.asarray((self._queries(current) @ self.normalized_sessions).toarray())
            if (fading := self.config.get("fading", 60.0)) is not None:
                similarity *= np.exp(-np.maximum(now[:, None] - self.ends, 0) / (DAY * fading))
            scores = np.stack([self._votes(*pair) for pair in zip(similarity, current, strict=True)]) * self.rarity
            parts.append(top_k_columns(scores.astype(np.float32), hidden_matrix(fold, rows, self.n_items), k))
        return stack_slates(parts, k)

    def _votes(self, similarity: Floats, current: Ints) -> Doubles:
        """Return float64[n_items]: the votes of one question's neighbors."""
        n_neighbors = min(self.config.get("neighbors", 500), len(similarity))
        neighbors = np.argpartition(-similarity, n_neighbors - 1)[:n_neighbors]
        neighbors = neighbors[similarity[neighbors] > 0]
        sizes = self.bounds[neighbors + 1] - self.bounds[neighbors]
        owner = np.repeat(np.arange(len(neighbors)), sizes)
        entries = np.arange(len(owner)) + np.repeat(self.bounds[neighbors] - np.cumsum(sizes) + sizes, sizes)
        items, votes = self.items[entries], similarity[neighbors][owner].astype(np.float64)
        if (near := self.config.get("near", 5.0)) is not None and len(owner):
            places = self.places[entries]
            votes *= np.exp(-np.abs(places - self._latest_shared(items, places, owner, current)[owner]) / near)
        return np.bincount(items, votes, self.n_items).astype(np.float64)

    def _latest_shared(self, items: Longs, places: Longs, owner: Longs, current: Ints) -> Longs:
        """Return int64[n_neighbors]: the place, in each neighbor, of the latest item of the current session."""
        step = np.full(self.n_items, -1, np.int64)
        step[current] = np.arange(len(current))
        order = np.lexsort((step[items], owner))
        last = np.append(np.flatnonzero(np.diff(owner[order])), len(order) - 1)
        shared: Longs = places[order][last]
        return shared

    def _current(self, profile: Profile) -> Ints:
        return current_items(profile, length=self.config.get("length", 20), across=self.config.get("across", False))

    def _queries(self, current: Sequence[Ints]) -> Matrix:
        """Return csr float32[n, n_items]: the decayed weights of distinct items, over the root of their number."""
        recall, cells = self.config.get("recall", 2.0), []
        for items in current:
            distinct, back = np.unique(items[::-1], return_index=True)
            weights = np.ones(len(distinct)) if recall is None else np.exp(-back / recall)
            cells.append((distinct, weights / np.sqrt(max(1, len(distinct)))))
        indices, weights = (np.concatenate(column) for column in zip(*cells, strict=True))
        ends = np.cumsum([0, *(len(items) for items, _ in cells)])
        return sparse.csr_matrix((weights.astype(np.float32), indices, ends), shape=(len(current), self.n_items))
