"""Folds: a training set and questions with known answers, temporal or leave-one-out; `visits` has other protocols."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from recsys.arrays import Bools, Longs, Times
from recsys.data.catalog import Catalog
from recsys.data.dataset import Dataset
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.data.time_split import (
    SPLIT_SHARES,
    Sequences,
    cut_times,
    rows_before,
)

Protocol = Literal["temporal", "leave-one-out", "next-item", "product-page", "cart"]
MAX_QUESTIONS = 5_000
SEED = 7
ROWS = ("items", "times", "signals", "weights", "values")
"""Columns of a profile with one value per row."""


@dataclass(frozen=True)
class Fold:
    """A training set and n questions.

    `past` is all that models may train on. Question i asks for products for `profiles[i]`; its right answers are
    `targets[i]`, int64 distinct item codes. `users[i]` is its shopper. `until` is the time, in seconds, of popularity,
    trends and `catalog`; `full_catalog` has later items too. With `mixed`, some questions are at the start of a visit,
    at `until`, and some within a visit. `pages`, int64[n], is the product whose page asks the question, -1 for none;
    None if no question has a page.
    """

    past: Interactions
    full_catalog: Catalog
    users: Longs
    profiles: Sequence[Profile]
    targets: Sequence[Longs]
    until: float
    new_only: bool = False
    mixed: bool = False
    pages: Longs | None = None
    contexts: Sequence[Context] = field(init=False)
    """The context of each question."""

    def __post_init__(self) -> None:
        context = Context(seen_allowed=not self.new_only)
        contexts = [context] * len(self.users)
        if self.pages is not None:
            contexts = [context if page < 0 else replace(context, page=page) for page in self.pages.tolist()]
        object.__setattr__(self, "contexts", contexts)

    def __len__(self) -> int:
        return len(self.users)

    @property
    def catalog(self) -> Catalog:
        """The catalog as of `until`. It is not cached, since it is large with pictures."""
        return self.full_catalog.at(self.until)

    @property
    def n_items(self) -> int:
        """The number of items, including those that appear later."""
        return self.full_catalog.n_items

    def sample(self, limit: int, *, seed: int = SEED) -> "Fold":
        """Return a random sample of at most `limit` questions."""
        if len(self) <= limit:
            return self
        return self.of_rows(np.sort(np.random.default_rng(seed).choice(len(self), limit, replace=False)))

    def of_rows(self, rows: Longs) -> "Fold":
        """Return the fold with the questions of the given row indices only."""
        profiles, targets = ([column[row] for row in rows.tolist()] for column in (self.profiles, self.targets))
        pages = None if self.pages is None else self.pages[rows]
        return replace(self, users=self.users[rows], profiles=profiles, targets=targets, pages=pages)

    def with_questions(self, other: "Fold") -> "Fold":
        """Return the fold with the questions of another fold of the same past appended."""
        pages = None
        if self.pages is not None or other.pages is not None:
            none = (np.full(len(fold), -1, np.int64) if fold.pages is None else fold.pages for fold in (self, other))
            pages = np.concatenate(list(none))
        return replace(
            self,
            users=np.concatenate([self.users, other.users]),
            profiles=[*self.profiles, *other.profiles],
            targets=[*self.targets, *other.targets],
            pages=pages,
        )

    @property
    def newcomers(self) -> Bools:
        """bool[n]: which questions are of shoppers without rows in the past."""
        has_past = np.bincount(self.past.users, minlength=int(self.users.max(initial=-1)) + 1) > 0
        of_newcomers: Bools = ~has_past[self.users]
        return of_newcomers

    @property
    def begins(self) -> Bools:
        """bool[n]: which questions are at the start of a visit; all of them unless `mixed`."""
        return np.array([not self.mixed or profile.now == self.until for profile in self.profiles], bool)

    def discoveries(self) -> "Fold":
        """Return the questions with a target outside the profile, with such targets only."""
        if self.new_only:
            return self
        fresh = [own[~np.isin(own, profile.items)] for own, profile in zip(self.targets, self.profiles, strict=True)]
        return replace(self, targets=fresh, new_only=True).of_rows(np.flatnonzero([len(own) > 0 for own in fresh]))

    def warm(self) -> Bools:
        """Return bool[n_items]: which items have interactions in the past."""
        return np.bincount(self.past.items, minlength=self.n_items) > 0

    def cold(self) -> list[Bools]:
        """Return for each question bool[n_targets]: which targets are neither in the past nor in the profile."""
        warm = self.warm()
        masks = [~warm[own] for own in self.targets]
        for cold, own, profile in zip(masks, self.targets, self.profiles, strict=True):
            if cold.any():  # rare, and `isin` is slow
                cold &= ~np.isin(own, profile.items)
        return masks

    def warm_targets(self) -> list[Longs]:
        """Return the warm targets of each question."""
        warm = self.warm()
        return [own[warm[own]] for own in self.targets]

    def cold_targets(self) -> list[Longs]:
        """Return the cold targets of each question."""
        return [own[cold] for own, cold in zip(self.targets, self.cold(), strict=True)]


def temporal(
    dataset: Dataset,
    *,
    start: float,
    end: float,
    new_only: bool,
    limit: int | None = MAX_QUESTIONS,
    max_events: int | None = None,
) -> Fold:
    """Return a fold that asks what shoppers with a row before `start` touch in [start, end).

    `new_only` drops targets that the shopper had before. `limit` is the number of sampled shoppers; `max_events` limits
    profiles as in `Sequences.profile`.
    """
    interactions = dataset.interactions
    past = rows_before(interactions, start)
    last = int(np.searchsorted(interactions.times, end, side="left"))
    n = int(interactions.items.max(initial=0)) + 1
    future = interactions.select(slice(len(past), last))
    pairs = np.unique(future.users.astype(np.int64) * n + future.items)
    pairs = pairs[past.active_users[pairs // n]]
    if new_only:
        pairs = np.setdiff1d(pairs, past.users.astype(np.int64) * n + past.items)
    users = random_subset(np.unique(pairs // n), limit)
    low, high = np.searchsorted(pairs, users * n), np.searchsorted(pairs, (users + 1) * n)
    targets = [pairs[a:b] % n for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    profiles = Sequences.of(past).profiles(users, now=start, max_events=max_events)
    return Fold(past, dataset.catalog, users, profiles, targets, start, new_only)


ENOUGH_QUESTIONS = 12_000
"""Number of questions that is enough to train a ranker; with fewer, earlier folds are added."""
ENOUGH_TARGETS = 100_000
"""Number of targets that is enough too, with at least `MIN_QUESTIONS` questions. Groceries have many targets a
question; on them, four folds with fewer questions each give NDCG@10 .5031, one fold .5038."""
MIN_QUESTIONS = 2_000
FOLD_STARTS = (0.15, 0.25, 0.35, 0.45)
"""Starts of the ranker's folds, as shares of all rows before the start of validation."""
FOLD_SHARE = 0.15
"""The length of a fold, as a share of all rows."""


def learning_folds(times: Times, make_fold: Callable[..., Fold], *, validation: float = SPLIT_SHARES[0]) -> list[Fold]:
    """Return the folds that the ranker trains on, oldest first: the latest, and earlier ones until they are enough.

    `make_fold(start=…, end=…)` makes a fold. `validation` is the share of rows before validation; no fold ends later.
    """
    folds: list[Fold] = []
    for back in FOLD_STARTS:
        if folds and back >= validation:
            break
        # Rounded, since .55 + .15 is a little more than .7 and would take a row of validation.
        start, end = cut_times(times, (round(validation - back, 6), round(validation - back + FOLD_SHARE, 6)))
        folds.append(make_fold(start=start, end=end))
        n_questions, n_targets = sum(map(len, folds)), sum(len(own) for fold in folds for own in fold.targets)
        if n_questions >= ENOUGH_QUESTIONS or (n_questions >= MIN_QUESTIONS and n_targets >= ENOUGH_TARGETS):
            break
    return [fold for fold in reversed(folds) if len(fold)] or folds[:1]


def leave_one_out(dataset: Dataset, *, back: int, new_only: bool) -> Fold:
    """Return a fold with each shopper's last row but `back` as the only target; all earlier rows are the past."""
    sequences = Sequences.of(dataset.interactions)
    rows = sequences.rows
    target = sequences.starts[1:] - 1 - back
    users = np.flatnonzero(target > sequences.starts[:-1])
    position = np.arange(len(rows)) - sequences.starts[rows.users]
    # A shopper's first row is never a target, so it is always in the training set.
    in_past = position < np.maximum(target - sequences.starts[:-1], 1)[rows.users]
    past = rows.select(np.flatnonzero(in_past))
    past = past.select(np.argsort(past.times, kind="stable"))
    questions = [(int(user), int(target[user])) for user in users]
    until = float(past.times.max(initial=0.0))
    return _single_target_fold(dataset, past, sequences, questions, until=until, new_only=new_only)


def with_nightly_profiles(fold: Fold, *, max_events: int | None = None) -> Fold:
    """Return the same questions with profiles as of the fold's start, as if profiles were updated only at night."""
    return replace(fold, profiles=Sequences.of(fold.past).profiles(fold.users, now=fold.until, max_events=max_events))


def _single_target_fold(
    dataset: Dataset,
    past: Interactions,
    sequences: Sequences,
    questions: list[tuple[int, int]],
    *,
    until: float,
    new_only: bool,
) -> Fold:
    """Return one question per (shopper, row index of the target), `MAX_QUESTIONS` at most."""
    items, times, starts = sequences.rows.items, sequences.rows.times, sequences.starts
    if new_only:
        questions = [(user, at) for user, at in questions if not (items[starts[user] : at] == items[at]).any()]
    chosen = [questions[at] for at in random_subset(np.arange(len(questions)), MAX_QUESTIONS).tolist()]
    return Fold(
        past,
        dataset.catalog,
        np.fromiter((user for user, _ in chosen), np.int64, len(chosen)),
        [sequences.profile(int(starts[user]), at, now=float(times[at])) for user, at in chosen],
        [items[at : at + 1].astype(np.int64) for _, at in chosen],
        until,
        new_only,
    )


def random_subset(values: Longs, limit: int | None, *, seed: int = SEED) -> Longs:
    """Return a random sample of at most `limit` values, in their order; all of them if `limit` is None."""
    if limit is None or len(values) <= limit:
        return values
    return np.sort(np.random.default_rng(seed).choice(values, limit, replace=False))
