"""A day like those of training is no drift; other signals, other shoppers or other products are named."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.data.data_checks import (
    check_dataset,
    check_drift,
    check_feeds,
    check_served,
    check_week,
    data_profile,
    failed,
)
from recsys.data.drift import (
    MIN_COUNT,
    bin_counts,
    daily_shoppers,
    day_histograms,
    popularity,
    popularity_bins,
    usual_day,
    usual_week,
)
from recsys.data.interactions import DAY, Interactions
from recsys.data.signals import SIGNAL_NAMES
from tests.recsys.planted_bundles import shop

N_ITEMS = 200
END = 1.7e9


def traffic(*, days: float, per_day: int, seed: int, until: float = END, shift: int = 0) -> Interactions:
    """Return views and purchases of products whose popularity falls with their code."""
    rng = np.random.default_rng(seed)
    n = int(days * per_day)
    items = (rng.integers(0, int(N_ITEMS**0.5), n) ** 2 + shift) % N_ITEMS
    return Interactions(
        users=rng.integers(0, per_day // 4, n).astype(np.int32),
        items=items.astype(np.int32),
        times=np.sort(until - rng.uniform(0, days, n) * DAY),
        signals=np.where(rng.random(n) < 0.2, SIGNAL_NAMES.index("purchase"), 0).astype(np.int8),
        weights=np.ones(n, np.float32),
        values=np.ones(n, np.float32),
        baskets=np.full(n, -1, np.int32),
        n_users=per_day // 4,
    )


LEARNT = traffic(days=30, per_day=400, seed=1)


def day(rows: Interactions) -> dict[str, object]:
    """Return the histograms of the last day, held against what the model had learnt by then."""
    standing = popularity_bins(popularity(LEARNT.items, LEARNT.times, LEARNT.weights, N_ITEMS))
    ages = rows.times[-1] - rows.times
    return day_histograms(rows.signals.astype(np.int64), rows.users.astype(np.int64), ages, standing[rows.items])


def drift(rows: Interactions) -> list[str]:
    usual = usual_day(LEARNT, N_ITEMS)
    assert usual is not None
    return [line.split(":")[0] for line in failed(check_drift(usual, day(rows)))]


def test_a_day_like_any_other_is_no_drift() -> None:
    assert drift(traffic(days=1, per_day=400, seed=2, until=END + DAY)) == []


def test_other_products_are_named() -> None:
    assert drift(traffic(days=1, per_day=400, seed=2, shift=101)) == ["drift of popularity"]


def test_other_signals_are_named() -> None:
    usual = traffic(days=1, per_day=400, seed=2)

    changed = replace(usual, signals=np.full(len(usual), SIGNAL_NAMES.index("search"), np.int8))

    assert drift(changed) == ["drift of signals"]


def test_one_machine_that_makes_all_the_traffic_is_named() -> None:
    usual = traffic(days=1, per_day=400, seed=2)

    assert drift(replace(usual, users=np.zeros(len(usual), np.int32))) == ["drift of activity"]


def test_another_activity_of_few_shoppers_is_chance() -> None:
    usual = usual_day(LEARNT, N_ITEMS)
    assert usual is not None
    days = np.random.default_rng(3).multinomial(30, [0.3, 0.2, 0.15, 0.1, 0.1, 0.07, 0.05, 0.03], size=300)
    whole = {**usual, "rows": 8 * days.sum(), "activity": days.sum(axis=0)}

    failures = [failed(check_drift(whole, {**usual, "rows": 240, "activity": one})) for one in days]

    assert [lines for lines in failures if lines] == []


def test_the_bar_of_activity_is_what_chance_does_to_so_few_shoppers_but_not_to_some_who_do_it_all() -> None:
    usual = {"rows": 400, "signals": [1], "activity": [60, 40], "popularity": [1]}

    bars = [
        check_drift(usual, {**usual, "rows": 240, "activity": [count, 0]})[1].bar
        for count in (20, 15, 14, 240)  # 12, 16 and 17 events of a shopper and day, 4 are usual
    ]

    assert bars == pytest.approx([39 * (1 / 100 + 1 / count) for count in (20, 15)] + [0.25, 39 * (1 / 100 + 1 / 240)])
    assert check_week([60, 40], [12, 8]).bar == pytest.approx(39 * (1 / 100 + 1 / 20))
    assert check_week([600, 400], [1_000]).bar == 0.25
    assert [check_week(one, two).passed for one, two in (([6, 4], [2, 8]), ([600, 400], [200, 800]))] == [True, False]


def test_little_traffic_is_not_judged() -> None:
    assert (
        check_drift(usual_day(LEARNT, N_ITEMS) or {}, day(traffic(days=1, per_day=MIN_COUNT - 40, seed=2, shift=50)))
        == []
    )
    assert usual_day(traffic(days=30, per_day=5, seed=1), N_ITEMS) is None
    whole = {"rows": 200, "signals": [1], "activity": [200], "popularity": [1]}
    assert len(check_drift(whole, whole)) == 3
    assert check_drift(whole, {**whole, "rows": 199}) == []


def test_standings_are_bins_of_rank_and_the_untouched_come_last() -> None:
    popular = np.array([0.0, 5.0, 100.0, 0.0, 1.0])

    assert popularity_bins(popular).tolist() == [5, 4, 3, 5, 4]
    assert bin_counts(popularity_bins(popular), np.array([1.0, 0, 2, 0, 0])) == [0, 0, 0, 2, 0, 1]


def test_popular_is_the_hundredth_that_is_touched_most_then_the_twentieth_the_fifth_and_the_half() -> None:
    assert np.bincount(popularity_bins(np.arange(1.0, 201.0))).tolist() == [2, 8, 30, 60, 100]
    assert bin_counts(np.zeros(3, np.int64), np.ones(3)) == [3, 0, 0, 0, 0, 0]


def test_what_was_touched_four_weeks_ago_counts_half() -> None:
    times = np.array([0.0, 28 * DAY, 28 * DAY])

    assert popularity(np.array([0, 1, 1]), times, np.array([1, 3, 2], np.float32), 3).tolist() == [0.5, 5.0, 0.0]


def test_a_day_tells_signals_events_of_a_shopper_and_day_and_standings() -> None:
    ages = np.array([0.1, 0.2, 1.5, 0.3]) * DAY

    histograms = day_histograms(np.array([0, 0, 1, 0]), np.array([7, 7, 7, 8]), ages, np.array([0, 4, 5, 5]))
    zeros = np.zeros(10_000, np.int64)
    machine = day_histograms(zeros, zeros, zeros.astype(np.float64), zeros)

    assert histograms == {
        "rows": 4,
        "signals": [3, 1] + [0] * (len(SIGNAL_NAMES) - 2),
        "activity": [2, 1] + [0] * 11,  # one event, twice, and two
        "popularity": [1, 0, 0, 0, 1, 2],
    }
    assert machine["activity"] == [0] * 12 + [1], "the last bin holds all above"


@pytest.mark.parametrize(("before", "expected"), [(200, True), (199, False)])
def test_a_week_tells_how_many_shoppers_did_how_much_in_its_last_seven_days(before: int, expected: bool) -> None:
    users = np.concatenate([np.full(before, 9), [1], [2] * 3, [3] * 194, [4] * 2])
    rows = traffic(days=1, per_day=before + 200, seed=1)
    times = np.where(np.arange(len(rows)) < before, DAY, 8 * DAY)  # seven days before the last row is the week before
    times[before] += 1.0 - 7 * DAY  # and a second later is not

    week = usual_week(replace(rows, users=users.astype(np.int32), times=times))

    assert week == ([0, 2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0] if expected else None)


def test_the_days_of_a_week_end_when_its_last_row_does() -> None:
    """A hundred shoppers come twice within the day before 4:48, in the evening and after midnight, one a third time."""
    times = np.concatenate([np.zeros(200), np.full(100, 7.3 * DAY), np.full(100, 8.1 * DAY), [8.2 * DAY]])
    users = np.concatenate([np.full(200, 100), np.arange(100), np.arange(100), [0]]).astype(np.int32)

    usual = usual_day(replace(traffic(days=1, per_day=401, seed=1), times=times, users=users), N_ITEMS)

    assert usual is not None
    assert usual["activity"] == [0, 100] + [0] * 11


def test_thousands_of_shoppers_and_one_who_never_stops_are_each_counted_apart() -> None:
    """Six thousand come once, and one of them twice eight thousand times: the last bin holds all above."""
    users = np.concatenate([np.zeros(200), np.arange(6_000), np.full(16_000, 7)]).astype(np.int32)
    times = np.where(np.arange(len(users)) < 200, 0.0, 8 * DAY)
    rows = replace(traffic(days=1, per_day=len(users), seed=1), users=users, times=times)

    usual, week = usual_day(rows, N_ITEMS), usual_week(rows)

    assert usual is not None
    assert usual["activity"] == [5_999] + [0] * 11 + [1]
    assert week == [0, 5_999] + [0] * 10 + [1]


def test_what_is_shown_is_held_against_the_week_before() -> None:
    assert failed(check_served([500.0, 1_500.0], [1_000.0, 3_000.0], shoppers=200)) == []
    assert len(failed(check_served([500.0, 1_500.0], [3_000.0, 100.0], shoppers=200))) == 1
    assert check_served([500.0, 1_500.0], [3_000.0, 100.0], shoppers=199) == []
    assert len(check_served([80.0, 120.0], [120.0, 80.0], shoppers=200)) == 1
    assert (
        check_served([80.0, 119.0], [120.0, 80.0], shoppers=200)
        == check_served([80.0, 120.0], [119.0, 80.0], shoppers=200)
        == []
    )


def test_a_trainings_profile_holds_its_usual_day() -> None:
    usual = data_profile(shop())["day"]

    assert usual["rows"] == sum(usual["popularity"]) == pytest.approx(len(shop()) * 7 / 365, rel=0.2)


def test_a_model_of_a_release_that_knew_no_week_is_held_against_no_activity() -> None:
    last = data_profile(shop())
    assert last["week"]

    names = [{one.name for one in check_dataset(shop(), last=previous)} for previous in (last, {**last, "week": None})]

    assert names[0] - names[1] == {"shift of activity"}


def feed(
    *last: int, usual: int = 40, quiet: dict[int, int] | None = None
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return a column of shoppers a day, the last day first; `quiet` says how many came so many days ago."""
    days = np.full((15, 1), usual, np.int64)
    days[: len(last), 0] = last
    for ago, shoppers in (quiet or {}).items():
        days[ago] = shoppers
    return days


def test_shoppers_are_counted_once_a_day_and_signal() -> None:
    views, buys = 0, SIGNAL_NAMES.index("purchase")
    signals = np.array([views, views, buys, views, views])
    ages = np.array([0.1, 0.2, 0.3, 1.5, 3.0]) * DAY

    result = daily_shoppers(signals, np.array([7, 7, 7, 8, 9]), ages, days=3)

    assert result[:, 0].tolist() == [1, 1, 0]
    assert result[:, 1 + views].tolist() == [1, 1, 0]
    assert result[:, 1 + buys].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("days", "verdict"),
    [
        (feed(40), [True]),
        (feed(8), [True]),
        (feed(7), [False]),
        (feed(0), [False]),
        (feed(0, 0, 0), [False]),
        (feed(0, usual=20), [False]),
        (feed(0, usual=19), []),
        (feed(19, 0, usual=19), [True]),
        (feed(10, usual=10), [True]),
        (feed(9, usual=9), []),
        (feed(0, quiet={7: 1, 14: 2}), []),
        (feed(0, quiet={1: 0, 6: 0, 13: 0}), [False]),
        (feed(0, quiet={7: 8}), [False]),
        (feed(0, quiet={7: 0}), [False]),
        (feed(0, quiet={14: 0}), [False]),
    ],
    ids=[
        "usual",
        "at the bar",
        "below",
        "silent",
        "silent for days",
        "enough",
        "few",
        "few, and back",
        "enough to be back",
        "too few",
        "closed on Sundays",
        "closed on Saturdays",
        "at the bar a week ago",
        "silent a week ago too",
        "silent two weeks ago too",
    ],
)
def test_a_feed_that_fell_silent_is_named(
    days: np.ndarray[tuple[int, int], np.dtype[np.int64]], verdict: list[bool]
) -> None:
    result = check_feeds(days, ["view"])
    assert [one.passed for one in result] == verdict
    assert {one.side for one in result} <= {"at least"}
    assert all((one.name, one.value) == ("feed of view", days[0, 0] / np.median(days[1:])) for one in result)


def test_a_signal_that_few_give_hides_no_other_that_fell_silent() -> None:
    days = np.hstack([feed(0, usual=5), feed(0), feed(40, quiet={7: 0}), feed(7)])

    checks = check_feeds(days, ["share", "view", "like", "cart"])

    assert [(one.name, one.passed) for one in checks] == [
        ("feed of view", False),
        ("feed of like", True),
        ("feed of cart", False),
    ]


def open_shop(*, days: int, growth: float = 0.0, seed: int = 1) -> Interactions:
    """Return a shop's events since it opened: newcomers every day, more as it grows, who come back or do not."""
    rng = np.random.default_rng(seed)
    arrivals = rng.poisson(60 * np.exp(growth * np.arange(days)))
    since = np.repeat(np.arange(days), arrivals) + rng.random(arrivals.sum())
    visits = 1 + rng.poisson(
        rng.gamma(0.6, 0.12, len(since)) * np.minimum(rng.exponential(200, len(since)), days - since)
    )
    users = np.repeat(np.arange(len(since)), visits)
    first = np.r_[True, users[1:] != users[:-1]]
    moments = np.where(first, since[users], since[users] + rng.random(len(users)) * (days - since[users]))
    events = 1 + rng.geometric(0.35, len(users))
    users, moments = np.repeat(users, events), np.repeat(moments, events)
    order = np.argsort(moments, kind="stable")
    n = len(order)
    return Interactions(
        users=users[order].astype(np.int32),
        items=np.zeros(n, np.int32),
        times=moments[order] * DAY,
        signals=np.zeros(n, np.int8),
        weights=np.ones(n, np.float32),
        values=np.ones(n, np.float32),
        baskets=np.full(n, -1, np.int32),
        n_users=len(since),
    )


def until(rows: Interactions, day: float) -> Interactions:
    return rows.select(rows.times < day * DAY)


@pytest.mark.parametrize("growth", [-0.01, 0.0, 0.01, 0.04])
@pytest.mark.parametrize(("trained", "now"), [(10, 30), (15, 60), (20, 90), (60, 90)])
def test_a_shop_that_grows_older_and_larger_has_no_other_shoppers(growth: float, trained: int, now: int) -> None:
    rows = open_shop(days=90, growth=growth)
    before, after = usual_week(until(rows, trained)), usual_week(until(rows, now))

    assert before
    assert after
    assert check_week(before, after).passed


@pytest.mark.parametrize("fault", ["an id an event", "sent three times", "one id for half of all"])
def test_shoppers_who_are_told_apart_or_counted_otherwise_are_named(fault: str) -> None:
    rows = open_shop(days=90)
    users, n = rows.users.copy(), len(rows)
    late = rows.times >= 83 * DAY
    if fault == "an id an event":
        users[late] = 10**6 + np.arange(late.sum())
    elif fault == "one id for half of all":
        users[late & (np.random.default_rng(2).random(n) < 0.5)] = 10**6
    after = replace(rows, users=users)
    if fault == "sent three times":
        after = after.select(np.repeat(np.arange(n), np.where(late, 3, 1)))
    week = usual_week(after)

    assert week
    assert not check_week(usual_week(until(rows, 60)) or [], week).passed


def test_of_a_week_with_nothing_before_it_nothing_is_said() -> None:
    assert usual_week(open_shop(days=6)) is None
    assert usual_week(until(open_shop(days=90), 0)) is None
