"""Cuts lie where the protocol says, questions know nothing of their answers, and a planted leak shows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recsys.data.dataset import Dataset, build
from recsys.data.folds import (
    Fold,
    leave_one_out,
    random_subset,
    temporal,
    with_nightly_profiles,
)
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.data.time_split import Sequences, cut_times, split_times
from recsys.data.visits import mid_session_questions, mixed_questions, next_item
from recsys.evaluation.evaluate import Options, folds_of
from recsys.training import training
from tests.recsys import shops
from tests.recsys.shop_history import history, products
from tests.recsys.trainings import trained


def leaks(fold: Fold) -> list[int]:
    """Return the questions whose profile holds something as late as the question, or whose models saw its answers."""
    moments = [
        profile.times if context.page is None else profile.times[:-1]  # the page's own view is of the very moment
        for profile, context in zip(fold.profiles, fold.contexts, strict=True)
    ]
    late = [at for at, profile in enumerate(fold.profiles) if (moments[at] >= profile.now).any()]
    return late + ([-1] if (fold.past.times >= fold.until).any() else [])


def test_cuts_are_the_times_of_the_named_rows() -> None:
    assert cut_times(np.arange(100.0), [0.55, 0.70, 0.85]) == [55.0, 70.0, 85.0]
    assert cut_times(np.arange(7.0), [0.70]) == [4.0]
    assert all(cut_times(np.arange(float(n)), [0.70, 0.85]) == [n * 70 // 100, n * 85 // 100] for n in range(2, 3_000))


def test_validation_starts_earlier_where_one_time_stands_at_both_cuts() -> None:
    months = np.repeat([1.0, 2.0, 3.0, 4.0], [15, 20, 25, 40])

    assert split_times(np.arange(100.0)) == (70.0, 85.0, 0.7)
    assert split_times(months) == (3.0, 4.0, 0.35)
    assert split_times(np.repeat([1.0, 2.0, 3.0, 4.0], [15, 20, 1, 64])) == (3.0, 4.0, 0.35), "one row bears it"
    assert split_times(np.repeat([1.0, 2.0, 3.0], [30, 20, 50])) == (2.0, 3.0, 0.3), "as much as must lie before"
    assert split_times(np.repeat([1.0, 2.0], [20, 80])) == (2.0, 2.0, 0.7)  # nothing to learn from before


def test_a_shop_with_a_clock_of_months_has_a_ranker_that_was_judged() -> None:
    rows = history(shoppers=60)
    at = np.argsort(np.argsort(rows["timestamp"].to_numpy(), kind="stable"), kind="stable") / len(rows)
    dataset = build(rows.assign(timestamp=1.7e9 + 2_592_000.0 * np.searchsorted([0.15, 0.35, 0.6], at, side="right")))

    folds = folds_of(dataset, Options())
    learning, validation, test = folds.learning, folds.validation, folds.test

    assert all((len(validation), len(test), len(learning)))
    assert max(float(fold.past.times.max()) for fold in learning) < validation.until < test.until
    assert {fold.until for fold in learning} < set(dataset.clock)


def test_only_a_shops_questions_are_told_apart_by_where_in_a_visit_they_are_asked() -> None:
    dataset = build(history(), products())
    rows = dataset.interactions
    start, end = cut_times(rows.times, [0.7, 0.85])

    mixed = mixed_questions(dataset, start=start, end=end, new_only=False)
    middle = next_item(dataset, start=start, end=end, new_only=False)

    assert 0 < mixed.begins.sum() < len(mixed)
    assert mixed.sample(20).begins.tolist() == [one.now == start for one in mixed.sample(20).profiles]
    assert middle.begins.all()


def test_cleaning_does_not_move_the_cuts_of_an_evaluation() -> None:
    rows = history()
    machine = pd.DataFrame({"user_id": "eve", "item_id": rows["item_id"].iloc[0], "event": "view"}, index=range(400))
    machine["timestamp"] = rows["timestamp"].max() - 30 + np.arange(400) / 20
    untimed = rows.head(300).assign(timestamp=0.0)
    frame = pd.concat([rows, machine, untimed], ignore_index=True)

    folds = folds_of(build(frame, products()), Options())

    times = np.sort(frame["timestamp"].to_numpy(float))
    assert (folds.validation.until, folds.test.until) == (times[int(0.7 * len(times))], times[int(0.85 * len(times))])


@pytest.mark.parametrize("new_only", [False, True])
def test_temporal_questions_are_about_the_future_only(new_only: bool) -> None:
    dataset = build(history(), products())
    rows = dataset.interactions
    start = cut_times(rows.times, [0.7])[0]

    fold = temporal(dataset, start=start, end=float("inf"), new_only=new_only)

    assert len(fold) > 50
    assert leaks(fold) == []
    assert fold.contexts == [Context(seen_allowed=not new_only)] * len(fold)
    for user, profile, targets in zip(fold.users, fold.profiles, fold.targets, strict=True):
        own = rows.users == user
        assert profile.items.tolist() == rows.items[own & (rows.times < start)].tolist()
        future = set(rows.items[own & (rows.times >= start)].tolist())
        expected = future - set(profile.items.tolist()) if new_only else future
        assert set(targets.tolist()) == expected


def test_rankers_are_taught_at_the_beginning_of_a_visit_and_in_the_middle() -> None:
    dataset = build(history(), products())
    rows = dataset.interactions
    start, end = cut_times(rows.times, [0.7, 0.85])

    fold = mixed_questions(dataset, start=start, end=end, new_only=True)

    window = temporal(dataset, start=start, end=end, new_only=True)
    middle = mid_session_questions(window, dataset, end=end)
    assert len(fold) == len(window) + len(middle) == 2 * len(window)
    pairs = zip(fold.targets[: len(window)], window.targets, strict=True)
    assert all(mine.tolist() == own.tolist() for mine, own in pairs)
    assert all(profile.now == start for profile in fold.profiles[: len(window)])
    assert all(start <= profile.now < end for profile in middle.profiles)
    assert any((profile.times >= start).any() for profile in middle.profiles)
    assert leaks(middle) == []
    assert len(mid_session_questions(window, dataset, end=end, limit=30)) == 10


def test_a_ranker_is_taught_by_so_many_questions_of_profiles_as_answers_see_them() -> None:
    dataset = build(history(), products())
    rows = dataset.interactions
    start, end = cut_times(rows.times, [0.7, 0.85])

    fold = mixed_questions(dataset, start=start, end=end, new_only=True, limit=30, max_events=4)

    assert (len(fold), fold.begins.sum()) == (30, 20)
    for user, profile, context in zip(fold.users, fold.profiles, fold.contexts, strict=True):
        page = context.page is not None
        known = rows.items[(rows.users == user) & (rows.times < profile.now + page * 1e-6)]
        assert profile.items.tolist() == known[-4:].tolist()


def test_a_training_bounds_every_profile_as_live_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the ranker learns from, those of validation, of the test window and of its next items."""
    bounds, whole = list[int | None](), Sequences.profile

    def profile(self: Sequences, *rows: int, now: float, max_events: int | None = None) -> Profile:
        bounds.append(max_events)
        return whole(self, *rows, now=now, max_events=max_events)

    monkeypatch.setattr(Sequences, "profile", profile)
    monkeypatch.setattr(training, "_repeats", lambda *_: True)  # it counts right answers and reads no profile

    trained(build(history(shoppers=20), products()), max_events=5, names=("popular",))

    assert set(bounds) == {5}


def test_a_planted_leak_is_found() -> None:
    dataset = build(history(), products())
    rows = dataset.interactions
    start = cut_times(rows.times, [0.7])[0]
    honest = temporal(dataset, start=start, end=float("inf"), new_only=False)

    models = replace(honest, past=rows)
    later = temporal(dataset, start=start + 86_400.0 * 60, end=float("inf"), new_only=False)
    profiles = [replace(profile, now=start) for profile in later.profiles]
    shoppers = replace(later, past=honest.past, profiles=profiles, until=start)

    assert leaks(models) == [-1]
    assert leaks(shoppers) != []


def test_a_sample_is_so_many_different_questions_in_their_order_or_all_there_are() -> None:
    dataset = build(history(), products())
    start = cut_times(dataset.interactions.times, [0.7])[0]
    fold = temporal(dataset, start=start, end=float("inf"), new_only=False)

    part = fold.sample(20)

    assert len(part) == 20
    assert (np.diff(part.users) > 0).all(), "each shopper is asked once, in the order of codes"
    rows = np.searchsorted(fold.users, part.users).tolist()
    assert [own.tolist() for own in part.targets] == [fold.targets[row].tolist() for row in rows]
    assert fold.sample(len(fold)).users.tolist() == fold.users.tolist()
    assert fold.sample(len(fold) + 1).users.tolist() == fold.users.tolist()
    drawn = random_subset(fold.users, len(fold) - 1)
    assert len(drawn) == len(fold) - 1
    assert (np.diff(drawn) > 0).all()
    assert (
        random_subset(fold.users, None).tolist() == random_subset(fold.users, len(fold)).tolist() == fold.users.tolist()
    )


def test_equal_times_stay_on_one_side() -> None:
    frame = history()
    frame["timestamp"] = (frame["timestamp"] // (90 * 86_400)) * 90 * 86_400
    dataset = build(frame, products())
    rows = dataset.interactions
    start = cut_times(rows.times, [0.7])[0]

    fold = temporal(dataset, start=start, end=float("inf"), new_only=False)

    assert (fold.past.times < start).all()
    assert leaks(fold) == []


def test_leave_one_out_asks_for_the_last_row() -> None:
    dataset = build(history(), products())
    rows = dataset.interactions

    fold = leave_one_out(dataset, back=0, new_only=False)

    own = rows.items[rows.users == fold.users[3]]
    assert fold.targets[3].tolist() == [own[-1]]
    assert fold.profiles[3].items.tolist() == own[:-1].tolist()
    assert len(fold.past) == len(rows) - rows.n_users


def test_who_has_one_row_is_nobodys_question_and_is_learnt_from() -> None:
    rows = shops.interactions([(0, 5, 10.0, "view"), (1, 6, 11.0, "view"), (1, 7, 12.0, "view"), (2, 5, 13.0, "view")],
                              n_users=3)  # fmt: skip

    shop = Dataset(rows, shops.catalog(8), ())
    test, validation = (leave_one_out(shop, back=back, new_only=False) for back in (0, 1))

    assert (test.users.tolist(), test.targets[0].tolist()) == ([1], [7])
    assert sorted(zip(test.past.users.tolist(), test.past.items.tolist(), strict=True)) == [(0, 5), (1, 6), (2, 5)]
    assert len(validation) == 0
    assert 7 not in validation.past.items


def test_next_item_does_not_know_the_other_lines_of_the_order() -> None:
    rows = shops.interactions(
        [(0, 1, 10.0, "view"), (1, 1, 10.0, "view"), (0, 2, 20.0, "purchase"), (0, 3, 20.0, "purchase")], n_users=2
    )

    fold = next_item(Dataset(rows, shops.catalog(4), ()), start=15.0, end=float("inf"), new_only=False)

    assert [one.tolist() for one in fold.targets] == [[2], [3]]
    assert [profile.items.tolist() for profile in fold.profiles] == [[1], [1]]


def test_next_item_knows_all_that_came_before_or_is_frozen() -> None:
    dataset = build(history(), products())
    rows = dataset.interactions
    start = cut_times(rows.times, [0.85])[0]

    live = next_item(dataset, start=start, end=float("inf"), new_only=False)
    still = with_nightly_profiles(live)

    assert len(live) == (rows.times >= start).sum()
    assert [t.tolist() for t in live.targets] == [t.tolist() for t in still.targets]
    assert all((profile.times < start).all() for profile in still.profiles)
    assert sum(len(p.items) for p in live.profiles) > sum(len(p.items) for p in still.profiles)


VISITS = Dataset(
    shops.interactions(
        [
            *((0, 0, 10.0 + at, "view") for at in range(3)),
            (1, 1, 10.0, "view"),
            (2, 3, 20.0, "view"),
            *((0, 2, at, "view") for at in (20.0, 30.0)),
            *((1, item, 40.0 + item, "view") for item in (1, 2)),
        ],
        n_users=3,
    ),
    shops.catalog(4),
    (),
)
"""Two shoppers who come back after 15.0, each to product 2 that nobody had touched by then, and one who comes then."""


def test_cold_is_what_nobody_had_touched_by_the_cut_nor_the_shopper_since() -> None:
    fold = next_item(VISITS, start=15.0, end=float("inf"), new_only=False)

    questions = zip(fold.users.tolist(), [one.tolist() for one in fold.targets], strict=True)
    assert list(questions) == [(0, [2]), (0, [2]), (1, [1]), (1, [2])], "who was not known before is not asked"
    assert [one.tolist() for one in fold.cold()] == [[True], [False], [False], [True]]
    assert [one.tolist() for one in fold.cold_targets()] == [[2], [], [], [2]]
    assert [one.tolist() for one in fold.warm_targets()] == [[], [], [1], []]


def test_who_asks_for_new_products_only_is_asked_for_none_they_ever_had() -> None:
    later = next_item(VISITS, start=15.0, end=float("inf"), new_only=True)
    last = leave_one_out(VISITS, back=0, new_only=True)

    assert list(zip(later.users.tolist(), [int(one[0]) for one in later.targets], strict=True)) == [(0, 2), (1, 2)]
    assert last.users.tolist() == [1]
    assert last.until == last.past.times.max() > 0


def test_a_frozen_profile_is_bounded_as_a_live_one() -> None:
    fold = next_item(VISITS, start=15.0, end=float("inf"), new_only=False)

    assert with_nightly_profiles(fold).profiles[0].times.tolist() == [10.0, 11.0, 12.0]
    assert with_nightly_profiles(fold, max_events=2).profiles[0].times.tolist() == [11.0, 12.0]


def test_a_profile_holds_the_newest_of_each_kind_as_a_live_one_does() -> None:
    rows = [(0, item % 5, 10.0 + item, "purchase") for item in range(6)]
    rows += [(0, item % 5, 100.0 + item, "view") for item in range(6)]
    data = shops.interactions(rows, n_users=1)

    (profile,) = Sequences.of(data).profiles(np.array([0]), now=200.0, max_events=3)

    assert profile.times.tolist() == [13.0, 14.0, 15.0, 103.0, 104.0, 105.0]
    assert Sequences.of(data).profiles(np.array([0]), now=200.0)[0].times.tolist() == data.times.tolist()


def test_a_profile_tells_of_its_own_shopper_and_one_without_rows_of_nobody() -> None:
    data = shops.interactions([(0, 1, 10.0, "view"), (2, 1, 11.0, "view")], n_users=3)
    data = replace(data, shoppers=(("region=north",), ("region=east",), ("region=south",)))

    profiles = Sequences.of(data).profiles(np.arange(3), now=200.0)

    assert [one.attributes for one in profiles] == [("region=north",), (), ("region=south",)]


@pytest.mark.parametrize(
    ("stars", "stated", "weights"),
    [
        ((1.0, 5.0), False, [0.0, 1.0]),
        ((1.0, 1.0), False, [1.0, 1.0]),  # a column that had to be there
        ((1.0, 1.0), True, [0.0, 0.0]),  # of a shop that knows likes and dislikes only
    ],
)
def test_what_a_shopper_dislikes_has_no_weight_where_ratings_differ(
    stars: tuple[float, float], stated: bool, weights: list[float]
) -> None:
    data = shops.interactions([(0, item, 10.0 + item, "rating") for item in range(2)], n_users=1)
    data = replace(data, values=np.array(stars, np.float32), weights=np.ones(2, np.float32), explicit_ratings=stated)

    (live,) = Sequences.of(data).profiles(np.array([0]), now=200.0, max_events=3)
    (whole,) = Sequences.of(data).profiles(np.array([0]), now=200.0)

    assert live.weights.tolist() == weights
    assert whole.weights.tolist() == [1.0, 1.0]


def test_a_later_rating_makes_no_earlier_one_a_dislike() -> None:
    """Of a file in which every rating is one number until the cut, and another one after it."""
    rows = [*((0, item, 10.0 + item, "rating") for item in range(3)), (0, 3, 20.0, "view"), (1, 4, 30.0, "rating")]
    data = shops.interactions(rows, n_users=2)
    shop = Dataset(data, shops.catalog(5), ())
    later = Dataset(replace(data, values=np.array([1.0, 1.0, 1.0, 1.0, 5.0], np.float32)), shop.catalog, ())

    folds = [next_item(one, start=15.0, end=float("inf"), new_only=False, max_events=5) for one in (shop, later)]

    assert [fold.profiles[0].weights.tolist() for fold in folds] == [[1.0, 1.0, 1.0]] * 2


def test_a_large_order_takes_nothing_from_what_is_known_before_it() -> None:
    rows = [(0, item, 10.0 + item, "purchase") for item in range(6)]
    rows += [(0, 6 + line, 100.0, "purchase") for line in range(12)]
    data = shops.interactions(rows, n_users=1)

    fold = next_item(Dataset(data, shops.catalog(18), ()), start=50.0, end=200.0, new_only=True, max_events=6)

    assert {len(profile.items) for profile in fold.profiles} == {6}


@pytest.mark.parametrize("options", [Options(), Options(live=True), Options(protocol="next-item")])
def test_validation_asks_for_nothing_of_the_held_out_window(options: Options) -> None:
    dataset = build(history(), products())

    folds = folds_of(dataset, options)

    assert_between(folds.validation, dataset.interactions, end=folds.test.until)


def test_a_training_learns_and_validates_on_nothing_of_the_windows_after() -> None:
    dataset = build(history(), products())
    rows = dataset.interactions

    folds = training.split(dataset, max_events=None)

    for fold in folds.learning:
        assert_between(fold, rows, end=folds.validation.until)
    assert_between(folds.validation, rows, end=folds.test.until)
    assert folds.test.until == cut_times(rows.times)[-1]
    for fold in (*folds.learning, folds.validation, folds.test):
        assert leaks(fold) == []


def assert_between(fold: Fold, rows: Interactions, *, end: float) -> None:
    """Assert that each target was touched from the fold's start on, and before the end."""
    within = (rows.times >= fold.until) & (rows.times < end)
    for user, targets in zip(fold.users, fold.targets, strict=True):
        assert set(targets.tolist()) <= set(rows.items[within & (rows.users == user)].tolist())


def test_what_is_taken_again_is_counted_of_the_same_shoppers() -> None:
    """Of 4,200 one half takes its product again, the other half another one: a half of all, whoever is looked at."""
    n, day = 4_200, shops.DAY
    first = [(user, user % 7, shops.START + user, "purchase") for user in range(n)]
    again = [(user, (user + user % 2) % 7, shops.START + 9 * day + user, "purchase") for user in range(n)]
    shop = Dataset(shops.interactions(first + again, n_users=n), shops.catalog(7), ())

    assert training._repeats(shop, shops.START + 9 * day, float("inf"))
    assert not training._repeats(shop, shops.START + 99 * day, float("inf")), "nothing is taken, nothing taken again"
