"""Peers that score items by pairs: co-visitation, cosine item-kNN, RP3beta and lift, each in its published form.

They differ in the table only. The query is the last items of the visit or the history, which decay from the newest.
With one item it is the product of the page alone.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from recsys.arrays import Doubles, Ints
from recsys.data.catalog import Catalog
from recsys.data.folds import Fold
from recsys.data.interactions import Interactions
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

QUERY_SPACE: Space = {
    "whole": ("choice", [False, True]),
    "across": ("choice", [False, True]),
    "length": ("choice", [1, 2, 3, 5, 10, 20, 50]),
    "recall": ("choice", [0.2, 0.35, 0.5, 0.7, 0.85, 1.0]),
    "own": ("choice", [False, True]),
}
"""`whole`: the table counts histories instead of visits; `across`: the query reaches back beyond the visit; `length`
items decay by `recall` per step; `own`: an item may follow itself."""


class ItemPairs(Peer):
    """Scores are the sum of the query's rows of a table items x items."""

    starts: ClassVar[Sequence[Mapping[str, Any]]] = (
        {"length": 1, "own": False},
        {"length": 5, "recall": 0.5},
        {"whole": True, "length": 5, "recall": 0.5},
        {"whole": True, "across": True, "length": 20, "recall": 0.7},
    )

    def fit(self, past: Interactions, catalog: Catalog) -> None:
        """Build the table of csr float32[n_sessions, n_items] of ones."""
        self.n_items = catalog.n_items
        order, starts = sessions(past, whole=self.config.get("whole", False))
        items, session = past.items[order], np.cumsum(starts) - 1
        shape = (int(session.max(initial=-1)) + 1, self.n_items)
        matrix = sparse.csr_matrix((np.ones(len(items)), (session, items)), shape=shape)
        matrix.data[:] = 1.0
        self.rules: Matrix = self.table(matrix).tocsr()
        if not self.config.get("own", True):
            self.rules.setdiag(0)
            self.rules.eliminate_zeros()

    @abstractmethod
    def table(self, matrix: Matrix) -> Matrix:
        """Return csr float64[n_items, n_items]: row i has the scores that others gain from item i."""

    def answer(self, fold: Fold, k: int) -> Ints:
        """Return the items with the highest scores."""
        parts = []
        for rows in shopper_chunks(len(fold), self.n_items):
            scores = (self._queries(fold, rows) @ self.rules).toarray()
            parts.append(top_k_columns(scores, hidden_matrix(fold, rows, self.n_items), k))
        return stack_slates(parts, k)

    def _queries(self, fold: Fold, rows: range) -> Matrix:
        length, across = self.config.get("length", 10), self.config.get("across", False)
        queries = [current_items(fold.profiles[row], length=length, across=across) for row in rows]
        recall: float = self.config.get("recall", 0.7)
        weights = [recall ** np.arange(len(items))[::-1] for items in queries]
        ends = np.cumsum([0, *map(len, queries)])
        cells = (np.concatenate(weights), np.concatenate(queries), ends)
        return sparse.csr_matrix(cells, shape=(len(rows), self.n_items))


class CoVisitation(ItemPairs):
    """How many visits hold both items (association rules of size two)."""

    name = "co-visitation"
    space: ClassVar[Space] = QUERY_SPACE

    def table(self, matrix: Matrix) -> Matrix:
        """Return the counts."""
        return matrix.T @ matrix


class SessionItemKNN(ItemPairs):
    """Cosine of items over visits, damped for rare items (as in Hidasi et al., ICLR 2016)."""

    name = "item-kNN"
    space: ClassVar[Space] = {
        **QUERY_SPACE,
        "damping": ("choice", [0, 1, 5, 20, 50]),
        "balance": ("choice", [0.3, 0.5, 0.7]),
    }

    def table(self, matrix: Matrix) -> Matrix:
        """Return count(i, j) / (count(i) + damping) ** balance / (count(j) + damping) ** (1 - balance)."""
        counts = _item_counts(matrix) + self.config.get("damping", 20)
        balance: float = self.config.get("balance", 0.5)
        left, right = (sparse.diags(_inverse_power(counts, power)) for power in (balance, 1 - balance))
        return left @ (matrix.T @ matrix) @ right


class WalkRP3beta(ItemPairs):
    """RP3beta (Paudel et al., TiiS 2017)."""

    name = "RP3beta of visits"
    space: ClassVar[Space] = {**QUERY_SPACE, "alpha": ("float", 0.3, 1.6, False), "beta": ("float", 0.0, 0.9, False)}

    def table(self, matrix: Matrix) -> Matrix:
        """Return the walk from item to session to item, divided by popularity ** beta."""
        alpha, counts = self.config.get("alpha", 1.0), _item_counts(matrix)
        forth = sparse.diags(_inverse_power(np.asarray(matrix.sum(axis=1)).ravel(), alpha)) @ matrix
        back = (matrix @ sparse.diags(_inverse_power(counts, alpha))).T
        return back @ forth @ sparse.diags(_inverse_power(counts, self.config.get("beta", 0.3)))


class Lift(ItemPairs):
    """Lift: count(i, j) · n / (count(i) · count(j)), of pairs that enough visits hold."""

    name = "lift"
    space: ClassVar[Space] = {
        **QUERY_SPACE,
        "support": ("choice", [1, 2, 3, 5]),
        "damping": ("choice", [0, 1, 5, 20, 50]),
    }

    def table(self, matrix: Matrix) -> Matrix:
        """Return the lift of pairs with at least `support` visits, with `damping` added to counts of single items."""
        pairs, counts = (matrix.T @ matrix).tocsr(), _item_counts(matrix) + self.config.get("damping", 5)
        pairs.data[pairs.data < self.config.get("support", 1)] = 0
        pairs.eliminate_zeros()
        single = sparse.diags(_inverse_power(counts, 1.0))
        return single @ pairs @ single * matrix.shape[0]


def _item_counts(matrix: Matrix) -> Doubles:
    counts: Doubles = np.asarray(matrix.sum(axis=0), np.float64).ravel()
    return counts


def _inverse_power(values: Doubles, power: float) -> Doubles:
    """Return float64[n]: values ** -power, 0 where there is nothing."""
    powers: Doubles = np.where(values > 0, np.maximum(values, 1e-12) ** -power, 0.0)
    return powers


ITEM_PAIRS: tuple[type[Peer], ...] = (CoVisitation, SessionItemKNN, WalkRP3beta, Lift)
