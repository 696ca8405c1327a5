"""Live counts: sources that follow them answer as if fitted a moment ago, and nothing counts twice."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.interactions import DAY, Interactions
from recsys.data.profile import Context, Profile
from recsys.data.recent_counts import (
    ItemCounts,
    PairCounts,
    RecentCounts,
    item_counts,
    last_day,
    pair_counts,
)
from recsys.sources.covisitation import Covisitation
from recsys.sources.registry import make
from recsys.sources.scoring import Scoring
from tests.recsys import shops

N_ITEMS = 6
MORNING = (shops.START // DAY + 10) * DAY + 6 * 3600
Row = tuple[int, int, float, str]
PAST: list[Row] = [
    (user, item, MORNING - 3 * DAY + 600 * user + 60 * item, "view") for user in range(9) for item in range(3)
]
TODAY: list[Row] = [(20, 3, MORNING, "view"), (20, 4, MORNING + 60, "view")]
NEWS: list[Row] = [(30 + user, item, MORNING + 90 + 9 * user + item, "view") for user in range(3) for item in (1, 5)]


def rows(*parts: Sequence[Row]) -> Interactions:
    return shops.interactions([row for part in parts for row in part], n_users=50)


def counted(interactions: Interactions, *, n_items: int = N_ITEMS, days: int = 3) -> RecentCounts:
    """Return the counts of the last days, as live counts would have them."""
    today = last_day(interactions)
    span = range(today - days + 1, today + 1)
    dense = {day: item_counts(interactions, n_items, day=day) for day in span}
    return RecentCounts(
        today=today,
        n_items=n_items,
        items={day: ItemCounts(np.flatnonzero(own).astype(np.int32), own[own > 0]) for day, own in dense.items()},
        pairs={day: pair_counts(interactions, day=day) for day in span},
    )


def after(source: Scoring, counts: RecentCounts) -> Scoring:
    return source.with_recent_counts(counts, shops.catalog(counts.n_items))


def scores(source: Scoring, *about: int) -> list[float]:
    profile = Profile.empty(MORNING)
    return [float(one) for one in source.scores(profile, Context(items=about))]


@pytest.mark.parametrize("name", ["trending", "covisitation"])
def test_counts_of_what_the_model_has_learned_change_nothing(name: str) -> None:
    source = make(name).fit(rows(PAST, TODAY), shops.catalog(N_ITEMS))

    live = after(source, counted(rows(PAST, TODAY)))

    assert scores(live, 0) == scores(source, 0)
    assert scores(live, 3) == scores(source, 3)


def test_trending_with_counts_equals_a_fit_on_all_rows() -> None:
    stale = make("trending").fit(rows(PAST, TODAY), shops.catalog(N_ITEMS))
    fresh = make("trending").fit(rows(PAST, TODAY, NEWS), shops.catalog(N_ITEMS))

    live = after(stale, counted(rows(PAST, TODAY, NEWS)))

    assert scores(live) == pytest.approx(scores(fresh), rel=1e-3)
    assert int(np.argmax(scores(live))) == 1
    assert scores(stale)[5] == 0 < scores(live)[5]


def test_a_pair_of_a_moment_ago_is_a_neighbor() -> None:
    stale = make("covisitation").fit(rows(PAST, TODAY), shops.catalog(N_ITEMS))
    fresh = make("covisitation").fit(rows(PAST, TODAY, NEWS), shops.catalog(N_ITEMS))

    live = after(stale, counted(rows(PAST, TODAY, NEWS)))

    assert scores(stale, 1)[5] == 0
    assert scores(live, 1)[5] == pytest.approx(scores(fresh, 1)[5], rel=0.05)
    assert live.explain(Profile.empty(MORNING), Context(items=(1, 2)), 5) == (1,)


def test_a_pair_in_table_and_counts_adds_up() -> None:
    again: list[Row] = [(40, 0, MORNING + 100, "view"), (40, 1, MORNING + 160, "view")]
    stale = Covisitation().fit(rows(PAST, TODAY), shops.catalog(N_ITEMS))

    live = stale.with_recent_counts(counted(rows(PAST, TODAY, again)), shops.catalog(N_ITEMS))

    assert scores(live, 0)[1] > scores(stale, 0)[1]
    pair = np.array([0], np.int64), np.array([1], np.int64)
    assert live.shares_after(*pair) >= stale.shares_after(*pair)
    assert live.explain(Profile.empty(MORNING), Context(items=(0,)), 1) == (0,)


def test_a_product_newer_than_the_model_trends_and_has_neighbors() -> None:
    new: list[Row] = [(40, 1, MORNING + 100, "view"), (40, 7, MORNING + 160, "view")]
    counts = counted(rows(PAST, TODAY, new), n_items=8)

    trending, covisitation = (
        after(make(name).fit(rows(PAST, TODAY), shops.catalog(N_ITEMS)), counts)
        for name in ("trending", "covisitation")
    )

    assert trending.n_items == covisitation.n_items == 8
    assert scores(trending)[7] > 0
    assert scores(covisitation, 1)[7] > 0
    assert scores(covisitation, 7)[1] > 0
    assert covisitation.knows(7)


def test_later_counts_replace_earlier_ones() -> None:
    for name in ("trending", "covisitation"):
        source = make(name).fit(rows(PAST, TODAY), shops.catalog(N_ITEMS))
        latest = counted(rows(PAST, TODAY, NEWS))

        twice = after(after(source, counted(rows(PAST, TODAY, NEWS[:2]))), latest)

        assert scores(twice, 1) == scores(after(source, latest), 1)


def test_a_new_day_fades_what_was_learned_and_days_before_the_model_do_not_count() -> None:
    source = make("trending").fit(rows(PAST, TODAY), shops.catalog(N_ITEMS))
    tomorrow: list[Row] = [(40, 5, MORNING + DAY, "view")]

    live = after(source, counted(rows(PAST, TODAY, tomorrow), days=9))

    assert scores(live)[5] > scores(live)[3]
    assert scores(live)[3] < scores(source)[3]


def digest(counts: RecentCounts) -> str:
    """Return a SHA-256 of all counts."""
    sha = hashlib.sha256()
    for day in sorted(counts.items):
        one, pairs = counts.items[day], counts.pairs[day]
        for column in (one.items, one.counts, pairs.sources, pairs.targets, pairs.counts):
            sha.update(column.tobytes())
    return sha.hexdigest()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 5400)), max_size=40, unique=True))
def test_counts_without_a_shopper_are_the_counts_less_the_shoppers(drawn: list[tuple[int, int, int]]) -> None:
    everybody = [(user, item, MORNING + second, "view") for user, item, second in drawn]
    others, own = ([row for row in everybody if (row[0] == 0) is mine] for mine in (False, True))
    whole, without, part = (pair_counts(rows(part), day=int(MORNING // DAY)) for part in (everybody, others, own))
    item_whole, item_without, item_part = (
        item_counts(rows(part), N_ITEMS, day=int(MORNING // DAY)) for part in (everybody, others, own)
    )

    assert (item_whole - item_part == item_without).all()
    less = whole.minus(part)
    assert [column.tolist() for column in columns(less)] == [column.tolist() for column in columns(without)]


def columns(pairs: PairCounts) -> tuple[np.ndarray, ...]:
    return pairs.sources, pairs.targets, pairs.counts


def test_equal_rows_in_any_order_give_equal_hashes() -> None:
    shuffled = [NEWS[at] for at in np.random.default_rng(7).permutation(len(NEWS))]

    assert digest(counted(rows(shuffled, TODAY, PAST))) == digest(counted(rows(PAST, TODAY, NEWS)))
