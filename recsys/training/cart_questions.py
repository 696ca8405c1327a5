"""Questions of carts: what else an order holds, given some of its lines; the shopper's history is the second input.

Where the log says when each line came into the cart, the lines so far are given, the profile ends there, and the later
lines are the right answers. Where lines come together, as in a log of purchases, lines drawn by lot are given, and the
profile ends before the visit: what a visit holds before its order would tell the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from recsys.arrays import Ints, Longs, Times
from recsys.data.dataset import Dataset
from recsys.data.folds import MAX_QUESTIONS, SEED, Fold
from recsys.data.profile import Context
from recsys.data.sessions import session_starts
from recsys.data.signals import CART, SIGNAL_CODES
from recsys.data.time_split import Sequences, rows_before
from recsys.sources.baskets import MAX_ITEMS, basket_codes, order_rows

ADDED = (CART, SIGNAL_CODES["checkout"])


@dataclass(frozen=True)
class CartFold(Fold):
    """Questions with the given lines of carts: `lines[i]` are the distinct item codes of question i."""

    lines: Sequence[tuple[int, ...]] = field(default=())

    def __post_init__(self) -> None:
        contexts = [Context(items=own, seen_allowed=not self.new_only) for own in self.lines]
        object.__setattr__(self, "contexts", contexts)

    def of_rows(self, rows: Longs) -> "CartFold":
        """Return the fold with the questions of the given row indices only."""
        profiles, targets, lines = (
            [column[row] for row in rows.tolist()] for column in (self.profiles, self.targets, self.lines)
        )
        return replace(self, users=self.users[rows], profiles=profiles, targets=targets, lines=lines)


@dataclass(frozen=True, slots=True)
class _Order:
    """An order: `first` and `start` are rows of sorted sequences, the shopper's first one and the visit's."""

    user: int
    first: int
    start: int
    items: Longs
    added: Times
    """When each item came into the cart, in seconds; infinite where the log does not say."""


def cart_questions(
    dataset: Dataset,
    *,
    start: float,
    end: float,
    limit: int = MAX_QUESTIONS,
    max_events: int | None = None,
    seed: int = SEED,
) -> CartFold:
    """Return one question for each order of [start, end) with two products or more, at most `limit` drawn ones.

    Shoppers need no past. `max_events` limits profiles as in `Sequences.profile`.
    """
    sequences = Sequences.of(rows_before(dataset.interactions, end))
    rng = np.random.default_rng(seed)
    users, profiles, lines, targets = [], [], [], []
    for order in _orders(sequences, start=start, limit=limit, rng=rng):
        is_line, at = _first_lines(order, rng)
        stop = order.start
        if np.isfinite(at):
            own = sequences.rows.times[order.first : sequences.starts[order.user + 1]]
            stop = order.first + int(np.searchsorted(own, at, side="right"))
        now = at if np.isfinite(at) else float(sequences.rows.times[order.start])
        users.append(order.user)
        profiles.append(sequences.profile(order.first, stop, now=now, max_events=max_events))
        lines.append(tuple(np.sort(order.items[is_line]).tolist()))
        targets.append(np.sort(order.items[~is_line]))
    past = rows_before(dataset.interactions, start)
    return CartFold(past, dataset.catalog, np.array(users, np.int64), profiles, targets, start, lines=lines)


def _orders(sequences: Sequences, *, start: float, limit: int, rng: np.random.Generator) -> list[_Order]:
    """Return drawn orders of 2 to `MAX_ITEMS` distinct items whose rows are all at `start` or later."""
    rows, n_items = sequences.rows, int(sequences.rows.items.max(initial=0)) + 1
    is_line = order_rows(rows)
    codes = np.where(is_line, basket_codes(rows), -1)
    begins = np.full(int(codes.max(initial=-1)) + 1, np.inf)
    np.minimum.at(begins, codes[is_line], rows.times[is_line])
    distinct = np.unique(codes[is_line] * n_items + rows.items[is_line]) // n_items
    sizes = np.bincount(distinct, minlength=len(begins))
    usable = np.flatnonzero((sizes > 1) & (sizes <= MAX_ITEMS) & (begins >= start))
    chosen = np.sort(rng.permutation(usable)[:limit])
    order = np.argsort(codes, kind="stable")
    first, last = (np.searchsorted(codes[order], chosen, side=side) for side in ("left", "right"))
    visit = np.maximum.accumulate(np.where(session_starts(rows.users, rows.times), np.arange(len(rows)), 0))
    return [_order(sequences, order[a:b], visit) for a, b in zip(first.tolist(), last.tolist(), strict=True)]


def _order(sequences: Sequences, at: Longs, visit: Longs) -> _Order:
    """Return the order with the given rows."""
    rows, user = sequences.rows, int(sequences.rows.users[at[0]])
    start, items = int(visit[at].min()), np.unique(rows.items[at]).astype(np.int64)
    before = slice(start, int(at.min()))
    is_added = np.isin(rows.signals[before], ADDED)
    added = np.full(len(items), np.inf)
    places = np.searchsorted(items, rows.items[before][is_added])
    places[places == len(items)] = 0
    matches = items[places] == rows.items[before][is_added]
    np.minimum.at(added, places[matches], rows.times[before][is_added][matches])
    return _Order(user, int(sequences.starts[user]), start, items, added)


def _first_lines(order: _Order, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return bool[n], which items are given, and when the last of them was added; infinite for lines drawn by lot."""
    n_lines = int(rng.integers(1, len(order.items)))
    at = float(np.sort(order.added)[n_lines - 1])
    is_line = order.added <= at
    if np.isfinite(at) and not is_line.all():
        return is_line, at
    is_line = np.zeros(len(order.items), bool)
    is_line[rng.permutation(len(order.items))[:n_lines]] = True
    return is_line, np.inf


def line_counts(fold: CartFold) -> Ints:
    """Return int32[n]: how many lines each question gives."""
    return np.array([len(own) for own in fold.lines], np.int32)
