"""A day of answers against the days before: a usual one is never named, each fault is, and little traffic is said."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.data.data_checks import Check
from recsys.evaluation.model_checks.answers import Answers, Touches, ndcg_by_shopper
from recsys.evaluation.model_checks.served import ServedDay, day_checks
from recsys.evaluation.model_checks.slate_table import CatalogView

N_ITEMS, K, SHOPPERS, JUDGED = 200, 10, 400, 1_800
POPULARITY = (1.0 + np.arange(N_ITEMS)[::-1] % 50).astype(np.float64)
SHELF = CatalogView((np.arange(N_ITEMS) % 4).astype(np.int32), POPULARITY, np.arange(N_ITEMS) % 10 == 3, cut=0.0)
WANTED = np.arange(N_ITEMS)
THIRDS = tuple(np.repeat(["few events", "some events", "many events"], JUDGED // 3).tolist())


def served(seed: int, *, chances: np.ndarray | None = None, shoppers: int = SHOPPERS, answers: int = 2) -> ServedDay:
    """Return a day on which shoppers are shown what is popular more often, and find it as often as on any day."""
    rng = np.random.default_rng(seed)
    weights = POPULARITY**0.3 if chances is None else chances
    keys = rng.random((shoppers * answers, N_ITEMS)) ** (1 / np.maximum(weights, 1e-6))
    slates = np.argsort(-keys, axis=1)[:, :K].astype(np.int32)
    who = np.repeat(np.arange(shoppers), answers)
    ndcg = np.where(rng.random(JUDGED) < 0.4, 0.6, 0.0)
    return ServedDay(Answers(slates, who, np.zeros(len(who))), SHELF, ndcg, {"activity": THIRDS})


WEEK = [served(seed) for seed in range(7)]


def named(checks: list[Check]) -> set[str]:
    return {check.name.removeprefix("served: ") for check in checks if not check.passed}


@pytest.mark.parametrize("seed", range(20, 25))
def test_a_usual_day_is_never_named(seed: int) -> None:
    checks = day_checks(served(seed), WEEK, touched_items=WANTED)

    assert named(checks) == set()
    assert {check.name.removeprefix("served: ") for check in checks} == {
        "shoppers", "days before", "shoppers judged", "gini", "coverage", "supplier share", "popularity lift",
        "new items", "loss of activity few events", "loss of activity many events", "loss of activity some events",
        "groups by activity",
    }  # fmt: skip
    assert [check.name for check in checks if check.side is None] == []


def test_a_day_of_less_traffic_is_held_against_as_many_answers() -> None:
    assert named(day_checks(served(20, answers=1), WEEK, touched_items=WANTED)) == set()


def test_a_day_on_which_half_of_the_catalog_is_not_shown_is_named() -> None:
    half = np.where(np.arange(N_ITEMS) % 8 < 4, POPULARITY**0.3, 1e-6)

    assert {"gini", "coverage"} <= named(day_checks(served(20, chances=half), WEEK, touched_items=WANTED))


def test_a_day_of_one_supplier_is_named() -> None:
    chances = POPULARITY**0.3 * np.where(SHELF.supplier == 0, 3.0, 1.0)

    assert "supplier share" in named(day_checks(served(20, chances=chances), WEEK, touched_items=WANTED))


@pytest.mark.parametrize(("factor", "interval"), [(1.6, "0.84–1.42"), (0.6, "0.71–1.10")])
def test_a_supplier_shown_too_often_or_too_rarely_is_enough(factor: float, interval: str) -> None:
    chances = POPULARITY**0.3 * np.where(SHELF.supplier == 0, factor, 1.0)

    checks = {check.name: check for check in day_checks(served(20, chances=chances), WEEK, touched_items=WANTED)}

    assert not checks["served: supplier share"].passed
    assert interval in checks["served: supplier share"].message


def test_what_one_busy_shopper_was_shown_is_chance() -> None:
    usual, other = served(20), served(21, chances=POPULARITY**0.3 * np.where(SHELF.supplier == 0, 9.0, 1.0))
    busy = np.arange(len(usual.answers)) < 200
    slates = np.where(busy[:, None], other.answers.slates, usual.answers.slates)
    many = replace(usual, answers=replace(usual.answers, slates=slates))
    one = replace(many, answers=replace(many.answers, shoppers=np.where(busy, 0, many.answers.shoppers)))

    assert "supplier share" in named(day_checks(many, WEEK, touched_items=WANTED))
    assert named(day_checks(one, WEEK, touched_items=WANTED)) == set()


def test_of_what_the_shelf_does_not_tell_nothing_is_said() -> None:
    bare = replace(SHELF, supplier=np.full(N_ITEMS, -1, np.int32), new=np.zeros(N_ITEMS, bool))
    today, *week = (replace(day, catalog_view=bare) for day in (served(20), *WEEK))

    names = {check.name.removeprefix("served: ") for check in day_checks(today, week, touched_items=WANTED)}

    assert {"gini", "coverage", "popularity lift"} <= names
    assert not {"supplier share", "new items"} & names


def test_a_day_before_is_held_against_only_where_its_shelf_tells_anything() -> None:
    """Nobody can show what nobody sold yet: a day of which nothing was new is no day on which new products got none."""
    bare = replace(SHELF, supplier=np.full(N_ITEMS, -1, np.int32), new=np.zeros(N_ITEMS, bool))
    young = [replace(day, catalog_view=bare) for day in WEEK]
    chances = POPULARITY**0.3 * np.where(SHELF.new, 0.05, 1.0) * np.where(SHELF.supplier == 0, 3.0, 1.0)
    today = served(20, chances=chances)

    def checks_after(*before: ServedDay) -> dict[str, Check]:
        return {check.name.removeprefix("served: "): check for check in day_checks(today, before, touched_items=WANTED)}

    enough, fewer = checks_after(*young[:3], *WEEK[3:]), checks_after(*young[:4], *WEEK[4:])

    assert [enough[name].passed for name in ("supplier share", "new items")] == [False, False]
    assert "; 0.000" not in enough["new items"].message
    assert not {"supplier share", "new items"} & fewer.keys()
    assert {"gini", "coverage", "popularity lift"} <= fewer.keys()


def test_a_shelf_without_suppliers_tells_of_new_products_still() -> None:
    nobodys = replace(SHELF, supplier=np.full(N_ITEMS, -1, np.int32))
    today, *week = (replace(day, catalog_view=nobodys) for day in (served(20), *WEEK))

    names = {check.name.removeprefix("served: ") for check in day_checks(today, week, touched_items=WANTED)}

    assert ("supplier share" in names, "new items" in names) == (False, True)


def test_a_day_of_popular_products_only_is_named() -> None:
    chances = np.where(POPULARITY > 40, 1.0, 0.02)

    assert "popularity lift" in named(day_checks(served(20, chances=chances), WEEK, touched_items=WANTED))


def test_a_day_without_new_products_is_named() -> None:
    chances = POPULARITY**0.3 * np.where(SHELF.new, 0.05, 1.0)

    checks = {check.name: check for check in day_checks(served(20, chances=chances), WEEK, touched_items=WANTED)}

    assert not checks["served: new items"].passed
    assert checks["served: new items"].value < checks["served: new items"].bar == 0.5


def test_what_misses_a_bar_every_day_alarms_nobody_and_says_so() -> None:
    chances = POPULARITY**0.3 * np.where(SHELF.new, 0.05, 1.0)
    week = [served(seed, chances=chances) for seed in range(7)]

    (check,) = [one for one in day_checks(served(20, chances=chances), week, touched_items=WANTED) if "new" in one.name]

    assert check.passed
    assert "beyond the bar, which alarms only" in check.message


def test_a_group_that_finds_less_than_on_every_day_before_is_named() -> None:
    usual = served(20)
    lost = usual.ndcg * np.where(np.array(THIRDS) == "few events", 0.5, 1.0)

    checks = day_checks(replace(usual, ndcg=lost), WEEK, touched_items=WANTED)

    assert named(checks) == {"loss of activity few events", "groups by activity"}


def test_of_little_traffic_nothing_is_said_but_how_little_it_was() -> None:
    broken = np.where(np.arange(N_ITEMS) < 12, 1.0, 1e-6)
    few = day_checks(served(20, chances=broken, shoppers=150), WEEK, touched_items=WANTED)
    machine = served(20, chances=broken)
    one = replace(machine, answers=replace(machine.answers, shoppers=np.zeros(len(machine.answers), np.int64)))
    young = day_checks(machine, WEEK[:3], touched_items=WANTED)

    rows = [(check.name, check.value, check.grade, check.passed) for check in few]
    assert rows == [("served: shoppers", 150, "notes", False), ("served: days before", 7, "notes", True)]
    assert [check.value for check in day_checks(one, WEEK, touched_items=WANTED)] == [1, 7]
    assert [(check.value, check.passed) for check in young] == [(400, True), (3, False)]


def test_only_days_of_as_much_traffic_are_held_against() -> None:
    few_shoppers = served(9, shoppers=199, answers=4)
    few_answers, enough = served(9, shoppers=399, answers=1), served(9, shoppers=200)

    def days_before(*before: ServedDay) -> list[tuple[float, bool]]:
        checks = day_checks(served(20), before, touched_items=WANTED)
        assert (len(checks) > 2) == checks[1].passed
        assert named(checks) <= {"days before"}
        return [(checks[1].value, checks[1].passed)]

    assert days_before(*WEEK[:3], few_shoppers, few_answers) == [(3, False)]
    assert days_before(*WEEK[:3], few_shoppers, few_answers, enough) == [(4, True)]


def test_a_group_is_held_against_the_days_on_which_it_was_large_enough_and_found_anything() -> None:
    few = np.array(THIRDS) == "few events"
    without = [replace(day, ndcg=day.ndcg[~few], groups={"activity": ("many events",) * 1_200}) for day in WEEK[:3]]
    nothing = [replace(day, ndcg=day.ndcg * ~few) for day in WEEK]

    def judged(today: ServedDay, *before: ServedDay) -> set[str]:
        names = {check.name.removeprefix("served: ") for check in day_checks(today, before, touched_items=WANTED)}
        return {name for name in names if name.startswith(("loss", "groups"))}

    every = {"loss of activity few events", "loss of activity some events", "loss of activity many events"}
    assert judged(served(20), *WEEK[3:], *without) == every | {"groups by activity"}
    assert judged(served(20), *WEEK[4:], *without) == {"loss of activity many events"}
    assert judged(served(20), *nothing) == every - {"loss of activity few events"} | {"groups by activity"}
    assert judged(without[0], *WEEK) == {"loss of activity many events"}


def test_small_groups_are_not_judged_and_that_is_said() -> None:
    usual = served(20)
    small = replace(usual, ndcg=usual.ndcg[:90] * 0, groups={"activity": THIRDS[:90]})

    checks = {check.name.removeprefix("served: "): check for check in day_checks(small, WEEK, touched_items=WANTED)}

    assert (checks["shoppers judged"].value, checks["shoppers judged"].passed) == (90, False)
    assert not any(name.startswith(("loss", "groups")) for name in checks)


def test_an_answer_is_judged_by_what_its_shopper_touched_afterwards() -> None:
    answers = Answers(
        slates=np.array([[3, 4], [4, 5], [6, -1], [3, 4], [3, 4]], np.int32),
        shoppers=np.array([0, 0, 1, 2, -1]),
        times=np.array([10.0, 20.0, 10.0, 50.0, 10.0]),
    )
    touches = Touches(
        shoppers=np.array([0, 0, 0, 1, 2]),
        items=np.array([4, 4, 9, 6, 3]),
        times=np.array([15.0, 5.0, 25.0, 10.0, 40.0]),
    )

    shoppers, values = ndcg_by_shopper(answers, touches, n_items=10)

    # Shopper 0 found item 4 in the second place (of two targets), then nothing of one; 1 and 2 touched nothing later.
    second = (1 / np.log2(3)) / (1 + 1 / np.log2(3))
    assert shoppers.tolist() == [0]
    assert values == pytest.approx([second / 2])
    assert ndcg_by_shopper(answers.head(1), touches, n_items=10)[1] == pytest.approx([second])


def test_many_answers_are_judged_as_each_would_be_by_itself() -> None:
    rng = np.random.default_rng(5)
    answers = Answers(
        slates=rng.permuted(np.tile(np.array([0, 1, 2, 3, -1], np.int32), (200, 1)), axis=1)[:, :3],
        shoppers=rng.integers(0, 9, 200),
        times=rng.integers(0, 6, 200).astype(np.float64),
    )
    touches = Touches(rng.integers(0, 8, 24), rng.integers(0, 5, 24), rng.integers(0, 6, 24).astype(np.float64))

    shoppers, values = ndcg_by_shopper(answers, touches, n_items=5)

    each: dict[int, list[float]] = {}
    discounts = 1 / np.log2(np.arange(10) + 2)
    for slate, shopper, time in zip(answers.slates, answers.shoppers.tolist(), answers.times, strict=True):
        wanted = set(touches.items[(touches.shoppers == shopper) & (touches.times > time)].tolist())
        if wanted:
            gain = sum(discount for item, discount in zip(slate.tolist(), discounts, strict=False) if item in wanted)
            each.setdefault(shopper, []).append(gain / discounts[: len(wanted)].sum())
    assert shoppers.tolist() == sorted(each)
    assert values == pytest.approx([np.mean(each[shopper]) for shopper in sorted(each)])


def test_without_touches_nobody_is_judged() -> None:
    answers = Answers(np.array([[1]], np.int32), np.array([-1]), np.array([1.0]))
    nothing = Touches(np.array([], np.int64), np.array([], np.int64), np.array([]))

    for some in (answers, answers.head(0)):
        shoppers, values = ndcg_by_shopper(some, nothing, n_items=3)
        assert (len(shoppers), len(values)) == (0, 0)


def test_each_number_of_a_day_is_what_the_page_says() -> None:
    """The week has more answers than the day: the first count. Its groups found .2, .3 and so on, one of the day .1."""
    week = [replace(served(seed, shoppers=450), ndcg=np.full(JUDGED, 0.2 + 0.1 * seed)) for seed in range(7)]
    today = replace(served(20), ndcg=np.where(np.array(THIRDS) == "few events", 0.1, 0.5))

    checks = {one.name.removeprefix("served: "): one for one in day_checks(today, week, touched_items=WANTED[:40])}

    shown = np.array([np.bincount(day.answers.slates[: 2 * SHOPPERS].ravel(), minlength=N_ITEMS) for day in week])
    ours = np.bincount(today.answers.slates.ravel(), minlength=N_ITEMS)

    def gini(exposure: np.ndarray) -> float:
        return float(np.abs(exposure[:, None] - exposure[None, :]).mean() / 2 / exposure.mean())

    def gap(exposure: np.ndarray) -> float:
        return float(np.abs(np.log(np.bincount(SHELF.supplier, exposure) / exposure.sum() * 4)).mean())

    def new(exposure: np.ndarray) -> float:
        return float(exposure[SHELF.new].sum() / exposure.sum() / 0.1)

    values = {name: (one.value, one.bar) for name, one in checks.items()}
    lift = float(ours @ POPULARITY / ours.sum() / POPULARITY[:40].mean())
    expected = {
        "shoppers": (400, 200), "days before": (7, 4), "shoppers judged": (JUDGED, 1_500),
        "gini": (gini(ours), float(np.median([gini(one) for one in shown])) + 0.02),
        "coverage": ((ours > 0).mean(), 0.95 * float(np.median((shown > 0).mean(axis=1)))),
        "supplier share": (gap(ours), max(gap(one) for one in shown)),
        "popularity lift": (lift, 1.5),
        "new items": (new(ours), 0.5),
        "loss of activity few events": (0.8, 0.05),
        "loss of activity many events": (0.0, 0.05), "loss of activity some events": (0.0, 0.05),
        "groups by activity": (0.2, 0.8),
    }  # fmt: skip
    assert values.keys() == expected.keys()
    for name, numbers in expected.items():
        assert values[name] == pytest.approx(numbers, abs=1e-9), name
    words = checks["loss of activity few events"].message
    assert words == "lost of NDCG@10 by 600 shoppers: 0.1000, 0.5000 on the days before"
    ginis, shares = [gini(one) for one in shown], [new(one) for one in shown]
    assert checks["gini"].message == f"Gini of exposure; {min(ginis):.3f}–{max(ginis):.3f} on the days before"
    assert checks["new items"].message.endswith(f"; {min(shares):.3f}–{max(shares):.3f} on the days before")
    assert named(list(checks.values())) == {"loss of activity few events", "groups by activity"}


@pytest.mark.parametrize("at", [0, 3, 6])
def test_a_day_as_bad_as_any_of_the_days_before_is_named_for_nothing(at: int) -> None:
    chances = POPULARITY**0.3 * np.where(SHELF.supplier == 0, 3.0, 1.0) * np.where(SHELF.new, 0.05, 1.0)
    week = [served(seed, chances=chances if seed == at else None) for seed in range(7)]

    assert not {"supplier share", "new items"} & named(
        day_checks(served(20, chances=chances), week, touched_items=WANTED)
    )


def test_where_nobody_touched_anything_no_lift_is_told() -> None:
    checks = day_checks(served(20), WEEK, touched_items=WANTED[:0])

    assert "served: popularity lift" not in {check.name for check in checks}


def test_a_kind_that_is_not_told_hides_no_other_kind() -> None:
    regions = {"region": ("",) * JUDGED}
    today, *week = (replace(day, groups={**regions, **day.groups}) for day in (served(20), *WEEK))

    names = {check.name.removeprefix("served: ") for check in day_checks(today, week, touched_items=WANTED)}

    assert "groups by activity" in names
    assert "groups by region" not in names
