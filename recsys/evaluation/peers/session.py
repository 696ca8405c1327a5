"""Session-based peers: sequence rules and VS-kNN (Ludewig, Jannach, UMUAI 2018).

Sessions are split at pauses, as in the paper. Whether rules, or the current session, reach back beyond a pause is
tuned.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys.arrays import (
    Bools,
    Doubles,
    Floats,
    Ints,
)
from recsys.data.catalog import Catalog
from recsys.data.folds import Fold
from recsys.data.interactions import Interactions
from recsys.data.profile import Profile
from recsys.data.sessions import SESSION_GAP, session_starts
from recsys.evaluation.peers.base import (
    Matrix,
    Peer,
    Space,
    hidden_matrix,
    shopper_chunks,
    stack_slates,
    top_k_columns,
)


def sessions(past: Interactions, *, whole: bool) -> tuple[NDArray[np.intp], Bools]:
    """Return the order of rows by shopper and time, and bool[n]: whether a row begins a session.

    With `whole` each history is one session; otherwise a pause begins a new one.
    """
    order = np.argsort(past.users, kind="stable")
    users = past.users[order]
    return order, np.diff(users, prepend=-1) != 0 if whole else session_starts(users, past.times[order])


def current_items(profile: Profile, *, length: int, across: bool) -> Ints:
    """Return the last items, at most `length`, the newest last; unless `across` those since the last pause only."""
    pauses = np.flatnonzero(np.diff(profile.times) > SESSION_GAP)[: 0 if across else None]
    return profile.items[pauses[-1] + 1 if len(pauses) else 0 :][-length:]


class SequenceRules(Peer):
    """Items that followed the last item, weighted by one over the distance."""

    name = "sequence rules"
    space: ClassVar[Space] = {"steps": ("int", 1, 30), "across": ("choice", [False, True])}
    starts: ClassVar[Sequence[Mapping[str, Any]]] = ({"across": False},)

    def fit(self, past: Interactions, catalog: Catalog) -> None:
        """Sum the weights of pairs of items in a session."""
        order, starts = sessions(past, whole=self.config.get("across", True))
        items, session = past.items[order], np.cumsum(starts)
        self.n_items = catalog.n_items
        self.rules: Matrix = sparse.csr_matrix((self.n_items, self.n_items), dtype=np.float32)
        for gap in range(1, self.config.get("steps", 10) + 1):
            same = session[:-gap] == session[gap:]
            weights = np.full(int(same.sum()), 1 / gap, np.float32)
            cells = (items[:-gap][same], items[gap:][same])
            self.rules = self.rules + sparse.csr_matrix((weights, cells), shape=(self.n_items, self.n_items))

    def answer(self, fold: Fold, k: int) -> Ints:
        """Return the items that follow each profile's last item."""
        parts = []
        for rows in shopper_chunks(len(fold), self.n_items):
            last = np.array([fold.profiles[row].items[-1] for row in rows])
            hidden = hidden_matrix(fold, rows, self.n_items)
            parts.append(top_k_columns(self.rules[last].toarray(), hidden, k))
        return stack_slates(parts, k)


class VSKNN(Peer):
    """Votes of sessions similar to the current one, in which later items count more.

    With `latest` a session's vote is divided by the number of steps back to the latest shared item. A vote for an item
    is multiplied by 1 + `rarity` · idf over sessions. The authors' code tunes both.

    RetailRocket, repeat, 1,500 next items of validation and of the window after. HR@10 without both .1087 and .1313,
    with both .1147 and .1400; the gain comes from idf alone. NDCG@10: .0786 and .1006, then .0892 and .1156.
    """

    name = "VS-kNN"
    space: ClassVar[Space] = {
        "neighbors": ("choice", [50, 100, 200, 500, 1000]),
        "recall": ("choice", [0.3, 0.5, 0.7, 0.85, 1.0]),
        "length": ("choice", [5, 10, 20, 50]),
        "whole": ("choice", [False, True]),
        "across": ("choice", [False, True]),
        "latest": ("choice", [False, True]),
        "rarity": ("choice", [0, 1, 2, 5, 10]),
    }
    starts: ClassVar[Sequence[Mapping[str, Any]]] = (
        {"across": False},
        {"latest": True, "rarity": 10},
        {"latest": True, "rarity": 10, "neighbors": 1000, "recall": 0.3},
    )

    def fit(self, past: Interactions, catalog: Catalog) -> None:
        """Split the past into sessions."""
        self.n_items = catalog.n_items
        order, starts = sessions(past, whole=self.config.get("whole", False))
        items, session = past.items[order], np.cumsum(starts) - 1
        shape = (int(session.max(initial=-1)) + 1, self.n_items)
        matrix = sparse.csr_matrix((np.ones(len(items), np.float32), (session, items)), shape=shape)
        matrix.data[:] = 1.0
        self.sessions, self.sessions_of_item = matrix, matrix.T.tocsr()
        sizes = np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1)
        self.normalized_sessions = sparse.diags(1 / np.sqrt(sizes)).dot(matrix).T.tocsr()
        idf = np.log(max(1, shape[0]) / np.maximum(np.diff(self.sessions_of_item.indptr), 1))
        self.rarity = 1 + self.config.get("rarity", 0) * idf

    def answer(self, fold: Fold, k: int) -> Ints:
        """Return the items with the most votes of neighbors."""
        parts = []
        for rows in shopper_chunks(len(fold), max(self.n_items, self.sessions.shape[0])):
            current = [self._current(fold.profiles[row]) for row in rows]
            similarity = (self._session_matrix(current, self._decayed_weights) @ self.normalized_sessions).toarray()
            n_neighbors = min(self.config.get("neighbors", 100), similarity.shape[1])
            neighbors = np.argpartition(-similarity, n_neighbors - 1, axis=1)[:, :n_neighbors]
            weights = np.take_along_axis(similarity, neighbors, 1)
            if self.config.get("latest"):
                shared = (self._session_matrix(current, _halving_weights) @ self.sessions_of_item).toarray()
                weights /= 2 - np.frexp(np.take_along_axis(shared, neighbors, 1))[1]
            owner = np.repeat(np.arange(len(rows)), n_neighbors)
            votes = (
                sparse.csr_matrix((weights.ravel(), (owner, neighbors.ravel())), shape=similarity.shape) @ self.sessions
            )
            scores = votes.toarray() * self.rarity
            hidden = hidden_matrix(fold, rows, self.n_items)
            parts.append(top_k_columns(scores, hidden, k))
        return stack_slates(parts, k)

    def _current(self, profile: Profile) -> Ints:
        """Return the last items of the current session, the newest last."""
        return current_items(profile, length=self.config.get("length", 10), across=self.config.get("across", True))

    def _decayed_weights(self, items: Ints) -> tuple[Ints, Floats]:
        """Return the items and their weights, which decay from the newest."""
        fade: float = self.config.get("recall", 0.7)
        return items, fade ** np.arange(len(items), dtype=np.float32)[::-1]

    def _session_matrix(
        self, current: Sequence[Ints], weights_of: Callable[[Ints], tuple[Ints, Floats | Doubles]]
    ) -> Matrix:
        """Return csr [n, n_items] of the sessions with the items' weights."""
        items, weights = zip(*map(weights_of, current), strict=True)
        ends = np.cumsum([0, *map(len, items)])
        cells = (np.concatenate(weights), np.concatenate(items), ends)
        return sparse.csr_matrix(cells, shape=(len(current), self.n_items))


def _halving_weights(items: Ints) -> tuple[Ints, Doubles]:
    """Return distinct items with weights 2 ** -steps back.

    The binary exponent of a sum of such weights is the position of the latest of its items.
    """
    distinct, back = np.unique(items[::-1], return_index=True)
    halves: Doubles = 0.5 ** back.astype(np.float64)
    return distinct, halves
