"""Session-based peers: sequence rules and VS-kNN (Ludewig, Jannach, UMUAI 2018).

Sessions are split at pauses, as in the paper; whether rules, or the session that goes on, may reach back beyond a pause
is tuned as well.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from personalization.recommenders.base import Bools, Catalogue, Interactions, Ints, Profile
from personalization.recommenders.baskets import SESSION_GAP
from personalization.training.folds import Fold
from personalization.training.peers import Matrix, Peer, Space, chunks, profile_matrix, stacked, top


def sessions(past: Interactions, *, whole: bool) -> tuple[NDArray[np.intp], Bools]:
    """Return the order of rows by shopper and time, and which of them begins a session: a shopper's first row or,
    unless whole histories are asked for, one after a pause."""
    order = np.argsort(past.users, kind="stable")
    users, times = past.users[order], past.times[order]
    starts = np.ones(len(order), bool)
    moved = users[1:] != users[:-1]
    starts[1:] = moved if whole else moved | (np.diff(times) > SESSION_GAP)
    return order, starts


class SequenceRules(Peer):
    """What follows the last item, weighed by one over the distance."""

    name = "sequence rules"
    space: ClassVar[Space] = {"steps": ("int", 1, 30), "across": ("choice", [False, True])}
    starts: ClassVar[Sequence[Mapping[str, Any]]] = ({"across": False},)

    def fit(self, past: Interactions, catalogue: Catalogue) -> None:
        """Count what follows what."""
        order, starts = sessions(past, whole=self.config.get("across", True))
        items, session = past.items[order], np.cumsum(starts)
        self.n_items = catalogue.n_items
        self.rules: Matrix = sparse.csr_matrix((self.n_items, self.n_items), dtype=np.float32)
        for gap in range(1, self.config.get("steps", 10) + 1):
            same = session[:-gap] == session[gap:]
            weights = np.full(int(same.sum()), 1 / gap, np.float32)
            cells = (items[:-gap][same], items[gap:][same])
            self.rules = self.rules + sparse.csr_matrix((weights, cells), shape=(self.n_items, self.n_items))

    def answer(self, fold: Fold, k: int) -> Ints:
        """Return what follows each profile's last item."""
        parts = []
        for rows in chunks(len(fold), self.n_items):
            last = np.array([fold.profiles[row].items[-1] for row in rows])
            hidden = profile_matrix(fold, rows, self.n_items) if fold.new_only else None
            parts.append(top(self.rules[last].toarray(), hidden, k))
        return stacked(parts, k)


class VSKNN(Peer):
    """Sessions like the current one, later items counting more."""

    name = "VS-kNN"
    space: ClassVar[Space] = {
        "neighbors": ("choice", [50, 100, 200, 500, 1000]),
        "recall": ("choice", [0.3, 0.5, 0.7, 0.85, 1.0]),
        "length": ("choice", [5, 10, 20, 50]),
        "whole": ("choice", [False, True]),
        "across": ("choice", [False, True]),
    }
    starts: ClassVar[Sequence[Mapping[str, Any]]] = ({"across": False},)

    def fit(self, past: Interactions, catalogue: Catalogue) -> None:
        """Cut the past into sessions."""
        self.n_items = catalogue.n_items
        order, starts = sessions(past, whole=self.config.get("whole", False))
        items, session = past.items[order], np.cumsum(starts) - 1
        shape = (int(session.max(initial=-1)) + 1, self.n_items)
        matrix = sparse.csr_matrix((np.ones(len(items), np.float32), (session, items)), shape=shape)
        matrix.data[:] = 1.0
        self.sessions = matrix
        sizes = np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1)
        self.unit = sparse.diags(1 / np.sqrt(sizes)).dot(matrix).T.tocsr()

    def answer(self, fold: Fold, k: int) -> Ints:
        """Return the neighbors' items."""
        parts = []
        for rows in chunks(len(fold), max(self.n_items, self.sessions.shape[0])):
            current = sparse.vstack([self._current(fold.profiles[row]) for row in rows], format="csr")
            alike = (current @ self.unit).toarray()
            most = min(self.config.get("neighbors", 100), alike.shape[1])
            chosen = np.argpartition(-alike, most - 1, axis=1)[:, :most]
            weights = np.take_along_axis(alike, chosen, 1)
            owner = np.repeat(np.arange(len(rows)), most)
            votes = sparse.csr_matrix((weights.ravel(), (owner, chosen.ravel())), shape=alike.shape) @ self.sessions
            hidden = profile_matrix(fold, rows, self.n_items) if fold.new_only else None
            parts.append(top(votes.toarray(), hidden, k))
        return stacked(parts, k)

    def _current(self, profile: Profile) -> Matrix:
        """Return the last items, the newest weighing most."""
        pauses = np.flatnonzero(np.diff(profile.times) > SESSION_GAP)[: 0 if self.config.get("across", True) else None]
        items = profile.items[pauses[-1] + 1 if len(pauses) else 0 :][-self.config.get("length", 10) :]
        fade = self.config.get("recall", 0.7)
        weights = fade ** np.arange(len(items), dtype=np.float32)[::-1]
        row = np.zeros(len(items), np.int64)
        return sparse.csr_matrix((weights, (row, items)), shape=(1, self.n_items))
