"""Questions within visits: what a shopper touches next, also one never seen before, and what follows a product page."""

from dataclasses import replace
from functools import partial

import numpy as np

from recsys.arrays import Bools, Longs, Times
from recsys.data.dataset import Dataset
from recsys.data.folds import MAX_QUESTIONS, Fold, random_subset, temporal
from recsys.data.interactions import Interactions
from recsys.data.opinions import ratings_differ
from recsys.data.sessions import session_starts
from recsys.data.signals import VIEW
from recsys.data.time_split import Sequences, rows_before


def next_item(
    dataset: Dataset,
    *,
    start: float,
    end: float,
    new_only: bool,
    limit: int | None = MAX_QUESTIONS,
    max_events: int | None = None,
) -> Fold:
    """Return a fold with one question per row in [start, end); the row is the only target.

    Of shoppers with rows before `start` all rows are asked; of others those of their first visit but the first, at most
    half of `limit`. A profile has all rows before the target, but none of the same time: lines of an order come
    together.
    """
    sequences, past = _sequences(dataset, start=start, end=end)
    rows, begins = sequences.rows, session_starts(sequences.rows.users, sequences.rows.times)
    is_target = rows.times >= start
    is_known = past.active_users[rows.users]
    visit = np.cumsum(begins)
    first_row = sequences.starts[rows.users]
    in_first_visit = visit == visit[first_row] if len(visit) else is_known
    is_later = rows.times > rows.times[first_row] if len(visit) else is_known
    of_newcomers = np.flatnonzero(is_target & ~is_known & in_first_visit & is_later)
    of_known = np.flatnonzero(is_target & is_known)
    if new_only:
        is_first_touch = _first_touches(sequences)
        of_newcomers, of_known = (targets[is_first_touch[targets]] for targets in (of_newcomers, of_known))
    if limit is not None:
        of_newcomers = random_subset(of_newcomers, max(limit // 2, limit - len(of_known)))
        of_known = random_subset(of_known, limit - len(of_newcomers))
    targets = np.sort(np.concatenate([of_newcomers, of_known]))
    return _fold(
        dataset, past, sequences, targets, moments=rows.times[targets], until=start, new_only=new_only,
        max_events=max_events,
    )  # fmt: skip


def product_page(
    dataset: Dataset,
    *,
    start: float,
    end: float,
    new_only: bool,
    limit: int | None = MAX_QUESTIONS,
    max_events: int | None = None,
) -> Fold:
    """Return a fold with one question per product page in [start, end) after which the visit views another product.

    The next other product that the visit views is the only target. The page's own view is the newest event of the
    profile, and `Fold.pages` has its product. Visits are of any shopper, with rows before `start` or without.
    """
    sequences, past = _sequences(dataset, start=start, end=end)
    rows = sequences.rows
    pages, targets = _views_and_next(sequences)
    is_chosen = rows.times[pages] >= start
    if new_only:
        is_chosen &= _first_touches(sequences)[targets]
    pages, targets = pages[is_chosen], targets[is_chosen]
    chosen = random_subset(np.arange(len(pages)), limit)
    return _fold(
        dataset, past, sequences, targets[chosen], moments=rows.times[pages[chosen]], until=start, new_only=new_only,
        max_events=max_events, pages=pages[chosen],
    )  # fmt: skip


def mixed_questions(
    dataset: Dataset,
    *,
    start: float,
    end: float,
    new_only: bool,
    limit: int = MAX_QUESTIONS,
    max_events: int | None = None,
) -> Fold:
    """Return the questions of `temporal`, then those of `mid_session_questions`: what a shop's ranker learns from."""
    windows = limit - limit // 3
    window = temporal(dataset, start=start, end=end, new_only=new_only, limit=windows, max_events=max_events)
    live = mid_session_questions(window, dataset, end=end, limit=limit, max_events=max_events)
    return replace(window.with_questions(live), mixed=True)


def mid_session_questions(
    window: Fold, dataset: Dataset, *, end: float, limit: int = MAX_QUESTIONS, max_events: int | None = None
) -> Fold:
    """Return questions within visits of a window: as many as it has, at most a third of `limit`.

    Half are of `product_page`, where there are so many, the others of `next_item`. Shops ask at the start of a visit
    and within it. A ranker trained on windows alone never meets events of the last minutes, nor shoppers it has not
    seen before, and gets worse the more of them there are (ADR 18).
    """
    most = min(len(window), limit // 3)
    ask = {
        kind: partial(kind, dataset, start=window.until, end=end, new_only=window.new_only, max_events=max_events)
        for kind in (product_page, next_item)
    }
    pages = ask[product_page](limit=most // 2)
    return ask[next_item](limit=most - len(pages)).with_questions(pages)


def _sequences(dataset: Dataset, *, start: float, end: float) -> tuple[Sequences, Interactions]:
    past = rows_before(dataset.interactions, start)
    sequences = Sequences.of(rows_before(dataset.interactions, end))
    return replace(sequences, use_stars=ratings_differ(past)), past


def _first_touches(sequences: Sequences) -> Bools:
    """Return bool[n]: which rows are the shopper's first of their item."""
    rows = sequences.rows
    n = int(rows.items.max(initial=0)) + 1
    _, first = np.unique(rows.users.astype(np.int64) * n + rows.items, return_index=True)
    is_first: Bools = np.zeros(len(rows), np.bool_)
    is_first[first] = True
    return is_first


def _views_and_next(sequences: Sequences) -> tuple[Longs, Longs]:
    """Return the row indices of views that the visit follows by a later view of another item, and of that view."""
    rows = sequences.rows
    views = np.flatnonzero(rows.signals == VIEW)
    visit = np.cumsum(session_starts(rows.users, rows.times))[views]
    items, times = rows.items[views], rows.times[views]
    n = len(views)
    # The next view of another item: where the run of equal items ends, within the same visit.
    run_ends = np.append(np.flatnonzero((items[1:] != items[:-1]) | (visit[1:] != visit[:-1])), n - 1)
    following = run_ends[np.searchsorted(run_ends, np.arange(n))] + 1 if n else np.empty(0, np.int64)
    inside = following < n
    following = np.minimum(following, n - 1)
    usable = np.flatnonzero(inside & (visit == visit[following]) & (times < times[following]))
    return views[usable], views[following[usable]]


def _fold(
    dataset: Dataset,
    past: Interactions,
    sequences: Sequences,
    targets: Longs,
    *,
    moments: Times,
    until: float,
    new_only: bool,
    max_events: int | None,
    pages: Longs | None = None,
) -> Fold:
    """Return one question per target row, asked at its moment.

    A profile has the shopper's rows before the moment; with `pages`, row indices, also that of the page.
    """
    rows, starts = sequences.rows, sequences.starts
    profiles = []
    for number, (target, moment) in enumerate(zip(targets.tolist(), moments.tolist(), strict=True)):
        first = int(starts[rows.users[target]])
        if pages is None:
            end = first + int(np.searchsorted(rows.times[first:target], moment, side="left"))
        else:
            end = int(pages[number]) + 1
        profiles.append(sequences.profile(first, end, now=moment, max_events=max_events))
    return Fold(
        past,
        dataset.catalog,
        rows.users[targets].astype(np.int64),
        profiles,
        [rows.items[at : at + 1].astype(np.int64) for at in targets],
        until,
        new_only,
        pages=None if pages is None else rows.items[pages].astype(np.int64),
    )
