"""Questions with known answers, by three protocols: temporal, leave-one-out, next-item."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from recsys.arrays import Bools, Longs, Times
from recsys.data.catalog import Catalog
from recsys.data.dataset import Dataset
from recsys.data.interactions import Interactions
from recsys.data.opinions import ratings_differ
from recsys.data.profile import Context, Profile
from recsys.data.time_split import (
    SHARES,
    Sequences,
    before,
    cut_times,
)

Protocol = Literal["temporal", "leave-one-out", "next-item"]
LIMIT = 5_000
SEED = 7
ROWS = ("items", "times", "signals", "weights", "values")
"""Columns of a profile that hold a value for each row."""


@dataclass(frozen=True)
class Fold:
    """`past` is all that models may learn from; question i is `profiles[i]`, its right answers `targets[i]` (distinct).

    `users[i]` is the shopper who is asked about; `until` the moment that popularity, trends and the catalog are told
    of, `whole` the catalog of a later one. `mixed` says that some questions are asked as a visit begins, at that
    moment, and some in the middle of one.
    """

    past: Interactions
    whole: Catalog
    users: Longs
    profiles: Sequence[Profile]
    targets: Sequence[Longs]
    until: float
    new_only: bool = False
    mixed: bool = False
    contexts: Sequence[Context] = field(init=False)
    """What each question asks for."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "contexts", [Context(seen_allowed=not self.new_only)] * len(self.users))

    def __len__(self) -> int:
        return len(self.users)

    @property
    def catalog(self) -> Catalog:
        """The catalog of the moment, made anew for each who asks: with pictures, it is too large to be held."""
        return self.whole.at(self.until)

    @property
    def n_items(self) -> int:
        """How many items there are, those that appear later as well."""
        return self.whole.n_items

    def sample(self, limit: int, *, seed: int = SEED) -> "Fold":
        """Return at most so many of the questions."""
        if len(self) <= limit:
            return self
        return self.of_rows(np.sort(np.random.default_rng(seed).choice(len(self), limit, replace=False)))

    def of_rows(self, rows: Longs) -> "Fold":
        """Return some of the questions."""
        chosen = rows.tolist()
        profiles, targets = [self.profiles[at] for at in chosen], [self.targets[at] for at in chosen]
        return replace(self, users=self.users[rows], profiles=profiles, targets=targets)

    @property
    def begins(self) -> Bools:
        """Return bool[n]: which questions are asked as a visit begins; all where none is asked on purpose in one."""
        return np.array([not self.mixed or profile.now == self.until for profile in self.profiles], bool)

    def discoveries(self) -> "Fold":
        """Return the questions whose shopper also took what is not in their profile, asked for such products only."""
        if self.new_only:
            return self
        fresh = [own[~np.isin(own, profile.items)] for own, profile in zip(self.targets, self.profiles, strict=True)]
        return replace(self, targets=fresh, new_only=True).of_rows(np.flatnonzero([len(own) > 0 for own in fresh]))

    def warm(self) -> Bools:
        """Return bool[n_items]: which items the past knows."""
        return np.bincount(self.past.items, minlength=self.n_items) > 0

    def cold(self) -> list[Bools]:
        """Return which of each question's right answers nobody had touched, nor the shopper since."""
        warm = self.warm()
        found = [~warm[own] for own in self.targets]
        for cold, own, profile in zip(found, self.targets, self.profiles, strict=True):
            if cold.any():  # of few: the look into the history is most of the time
                cold &= ~np.isin(own, profile.items)
        return found

    def warm_targets(self) -> list[Longs]:
        """Return each question's right answers that the past knows."""
        warm = self.warm()
        return [own[warm[own]] for own in self.targets]

    def cold_targets(self) -> list[Longs]:
        """Return each question's right answers that are cold."""
        return [own[cold] for own, cold in zip(self.targets, self.cold(), strict=True)]


def temporal(
    dataset: Dataset,
    *,
    start: float,
    end: float,
    new_only: bool,
    limit: int | None = LIMIT,
    max_events: int | None = None,
) -> Fold:
    """Return what shoppers with a row before `start` touched in [start, end); `new_only` drops what they had before."""
    interactions = dataset.interactions
    past = before(interactions, start)
    last = int(np.searchsorted(interactions.times, end, side="left"))
    n = int(interactions.items.max(initial=0)) + 1
    future = interactions.some(slice(len(past), last))
    pairs = np.unique(future.users.astype(np.int64) * n + future.items)
    known = np.bincount(past.users, minlength=interactions.n_users) > 0
    pairs = pairs[known[pairs // n]]
    if new_only:
        pairs = np.setdiff1d(pairs, past.users.astype(np.int64) * n + past.items)
    users = sampled(np.unique(pairs // n), limit)
    low, high = np.searchsorted(pairs, users * n), np.searchsorted(pairs, (users + 1) * n)
    targets = [pairs[a:b] % n for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    profiles = Sequences.of(past).profiles(users, now=start, max_events=max_events)
    return Fold(past, dataset.catalog, users, profiles, targets, start, new_only)


ENOUGH = 12_000
"""Questions that the ranker learns well from; a shop with fewer gets more, earlier folds."""
ENOUGH_RIGHT = 100_000
"""Right answers that do as well, of `LEAST_ASKED` questions at least: with validation's, groceries then give as many
candidates as rankers learn from. Four folds, each asked less, bring them .5031 instead of .5038 with one."""
LEAST_ASKED = 2_000
BACK = (0.15, 0.25, 0.35, 0.45)
"""How far before validation folds start, as shares of all rows."""
SPAN = 0.15


def learning_folds(times: Times, asked: Callable[..., Fold], *, validation: float = SHARES[0]) -> list[Fold]:
    """Return folds for the ranker to learn on, oldest first: the latest and, until they are enough, earlier ones.

    `asked(start=…, end=…)` makes a fold. All end where `validation`, the share of rows before it, starts, or before.
    """
    folds: list[Fold] = []
    for back in BACK:
        if folds and back >= validation:
            break
        # Rounded: .55 + .15 is a little more than .7, and a row of validation would be learnt from.
        start, end = cut_times(times, (round(validation - back, 6), round(validation - back + SPAN, 6)))
        folds.append(asked(start=start, end=end))
        asks, right = sum(map(len, folds)), sum(len(own) for fold in folds for own in fold.targets)
        if asks >= ENOUGH or (asks >= LEAST_ASKED and right >= ENOUGH_RIGHT):
            break
    return [fold for fold in reversed(folds) if len(fold)] or folds[:1]


def leave_one_out(dataset: Dataset, *, back: int, new_only: bool) -> Fold:
    """Return each shopper's last row but `back` as the only target; all earlier rows are the past."""
    sequences = Sequences.of(dataset.interactions)
    rows = sequences.rows
    target = sequences.starts[1:] - 1 - back
    asked = np.flatnonzero(target > sequences.starts[:-1])
    place = np.arange(len(rows)) - sequences.starts[rows.users]
    # A first row is nobody's question in any fold: who has no more is learnt from too.
    learnt = place < np.maximum(target - sequences.starts[:-1], 1)[rows.users]
    past = rows.some(np.flatnonzero(learnt))
    past = past.some(np.argsort(past.times, kind="stable"))
    questions = [(int(user), int(target[user])) for user in asked]
    until = float(past.times.max(initial=0.0))
    return _asked(dataset, past, sequences, questions, until=until, new_only=new_only)


def next_item(
    dataset: Dataset,
    *,
    start: float,
    end: float,
    new_only: bool,
    limit: int | None = LIMIT,
    max_events: int | None = None,
) -> Fold:
    """Return rows in [start, end) of shoppers known before as targets, one each; profiles hold all that came before.

    Rows of the very time of the target are not known yet: those of one order come together.
    """
    interactions = dataset.interactions
    past = before(interactions, start)
    sequences = replace(Sequences.of(before(interactions, end)), rated=ratings_differ(past))
    rows = sequences.rows
    known = np.bincount(past.users, minlength=interactions.n_users) > 0
    asked = np.flatnonzero((rows.times >= start) & known[rows.users])
    questions = [(int(rows.users[at]), int(at)) for at in asked]
    return _asked(
        dataset,
        past,
        sequences,
        questions,
        until=start,
        new_only=new_only,
        limit=limit,
        max_events=max_events,
        moments=True,
    )


def frozen(fold: Fold, *, max_events: int | None = None) -> Fold:
    """Return the same questions with profiles as of the fold's start, as where a model only learns at night."""
    return replace(fold, profiles=Sequences.of(fold.past).profiles(fold.users, now=fold.until, max_events=max_events))


def _asked(
    dataset: Dataset,
    past: Interactions,
    sequences: Sequences,
    questions: list[tuple[int, int]],
    *,
    until: float,
    new_only: bool,
    limit: int | None = LIMIT,
    max_events: int | None = None,
    moments: bool = False,
) -> Fold:
    """Return one question per (shopper, row of the target); with `moments` its profile has no row of the very time."""
    items, starts = sequences.rows.items, sequences.starts
    if new_only:
        questions = [(user, at) for user, at in questions if not (items[starts[user] : at] == items[at]).any()]
    kept = sampled(np.arange(len(questions)), limit).tolist()
    times = sequences.rows.times
    chosen = [questions[at] for at in kept]

    def begins(user: int, at: int) -> int:
        first = int(starts[user])
        return first + int(np.searchsorted(times[first:at], times[at], side="left"))

    return Fold(
        past,
        dataset.catalog,
        np.fromiter((user for user, _ in chosen), np.int64, len(chosen)),
        [
            sequences.profile(
                int(starts[user]), begins(user, at) if moments else at, now=float(times[at]), max_events=max_events
            )
            for user, at in chosen
        ],
        [items[at : at + 1].astype(np.int64) for _, at in chosen],
        until,
        new_only,
    )


def mixed_questions(
    dataset: Dataset,
    *,
    start: float,
    end: float,
    new_only: bool,
    limit: int = LIMIT,
    max_events: int | None = None,
) -> Fold:
    """Return the questions of `temporal` and, behind them, those `mid_session_questions`: what teaches a shop's ranker."""
    windows = limit - limit // 3
    window = temporal(dataset, start=start, end=end, new_only=new_only, limit=windows, max_events=max_events)
    live = mid_session_questions(window, dataset, end=end, limit=limit, max_events=max_events)
    return replace(
        window,
        users=np.concatenate([window.users, live.users]),
        profiles=[*window.profiles, *live.profiles],
        targets=[*window.targets, *live.targets],
        mixed=True,
    )


def mid_session_questions(
    window: Fold, dataset: Dataset, *, end: float, limit: int = LIMIT, max_events: int | None = None
) -> Fold:
    """Return questions of `next_item` within the same window: as many as it asks, but a third of `limit` at most.

    A shop is asked when a visit begins and in the middle of it. A ranker taught by windows alone never saw a shopper
    who did something a minute ago, and is the worse the more is known of the last minutes (ADR 18).
    """
    most = min(len(window), limit // 3)
    return next_item(dataset, start=window.until, end=end, new_only=window.new_only, limit=most, max_events=max_events)


def sampled(values: Longs, limit: int | None, *, seed: int = SEED) -> Longs:
    """Return at most `limit` of the values, drawn with the seed, in their order."""
    if limit is None or len(values) <= limit:
        return values
    return np.sort(np.random.default_rng(seed).choice(values, limit, replace=False))
