"""Too little, too dirty, shrunken or shifted data is named; equal data passes; unstable answers raise the alarm."""

import numpy as np
import pandas as pd
import pytest

from recsys.data.data_checks import (
    check_dataset,
    data_profile,
    failed,
    overlap,
    set_aside_share,
    stability,
    stability_index,
)
from recsys.data.dataset import build
from recsys.data.interactions import DAY
from tests.recsys.shop_history import history, products


def test_the_same_data_passes() -> None:
    dataset = build(history())

    checks = check_dataset(dataset, last=data_profile(dataset))
    assert failed(checks) == []
    assert [one.name for one in checks if one.side is None] == [], "say its `side`"


def test_little_data_is_named() -> None:
    names = [line.split(":")[0] for line in failed(check_dataset(build(history().head(60))))]

    assert names[0] == "rows"


def test_a_shop_without_any_data_has_a_profile_too() -> None:
    profile = data_profile(build(history().head(0), products()))

    assert (profile["rows"], profile["removed"], profile["week"], profile["day"]) == (0, 0.0, None, None)
    assert set(profile["filled"].values()) == {0.0}


def test_dirty_data_is_named() -> None:
    frame = history()
    frame.loc[frame.index % 2 == 0, "timestamp"] = -5.0

    assert any(line.startswith("removed") for line in failed(check_dataset(build(frame))))


def test_what_each_rule_took_is_set_aside_together() -> None:
    frame = history().head(1_000)
    frame.loc[frame.index < 200, "timestamp"] = -5.0
    frame.loc[frame.index >= 900, "user_id"] = None

    dataset = build(frame)

    assert set_aside_share(dataset) == pytest.approx(0.3)
    check = next(one for one in check_dataset(dataset) if one.name == "removed")
    assert (check.value, check.passed) == (set_aside_share(dataset), True), "no more than three tenths"


def test_a_feed_full_of_bots_is_not_broken() -> None:
    half = history().assign(device=lambda rows: np.where(np.arange(len(rows)) % 2, "bot", "mobile"))

    dataset = build(half)

    assert [one["rows"] for one in dataset.report["removed"] if one["rule"] == "bots"] == [len(half) // 2]
    assert not any(line.startswith("removed") for line in failed(check_dataset(dataset)))


def test_what_somebody_forced_once_refuses_no_night_after_and_more_of_it_does() -> None:
    frame = history()
    crawl = pd.concat([frame.iloc[:1].assign(user_id="robot", event="view")] * len(frame), ignore_index=True)
    crawl["timestamp"] += np.arange(len(crawl)) * 0.1
    robot, longer = (
        build(pd.concat([frame, rows], ignore_index=True))
        for rows in (crawl, pd.concat([crawl, crawl.assign(timestamp=crawl["timestamp"] + 60)]))
    )

    (first,) = failed(check_dataset(robot), "refuses")

    words = f"share of rows that cleaning removed, most of them, {len(crawl):,}, by the rule of machines"
    assert first == f"removed: 0.5, bar 0.3 ({words})"
    assert failed(check_dataset(robot, last=data_profile(robot)), "refuses") == []
    assert failed(check_dataset(longer, last=data_profile(robot)), "refuses")[0].startswith("removed: 0.667, bar 0.5")


@pytest.mark.parametrize(
    ("change", "name"), [("half", "volume"), ("views", "shift of signals"), ("evenings", "shift of hours")]
)
def test_another_distribution_is_named(change: str, name: str) -> None:
    frame = history()
    last = data_profile(build(frame))
    after = {
        "half": frame.sample(frac=0.5, random_state=1),
        "views": frame.assign(event="view"),
        # All of a day happens in its last six hours.
        "evenings": frame.assign(timestamp=frame["timestamp"] // DAY * DAY + 0.75 * DAY + frame["timestamp"] % DAY / 4),
    }

    assert [line.split(":")[0] for line in failed(check_dataset(build(after[change]), last=last))] == [name]


def test_the_hours_of_a_day_are_those_of_utc() -> None:
    hours = data_profile(build(history().head(1).assign(timestamp=1.7e9)))["hours"]

    assert hours == [0] * 22 + [1, 0]  # 2023-11-14 22:13:20


def test_a_column_of_the_catalog_that_fell_empty_is_named() -> None:
    last = data_profile(build(history(), products()))

    lost = build(history(), products().assign(price=float("nan"), title=""))

    assert [line.split(":")[0] for line in failed(check_dataset(lost, last=last))] == ["filled titles", "filled prices"]
    assert failed(check_dataset(build(history()), last=data_profile(build(history())))) == []


def test_a_broken_feed_refuses_a_changed_shop_alarms_a_small_one_is_noted() -> None:
    last = data_profile(build(history()))
    half = check_dataset(build(history().sample(frac=0.5, random_state=1)), last=last)
    views = check_dataset(build(history().assign(event="view")), last=last)

    assert [line.split(":")[0] for line in failed(half, "refuses")] == ["volume"]
    assert [line.split(":")[0] for line in failed(views, "alarms")] == ["shift of signals"]
    assert failed(views, "refuses") == []
    assert failed(check_dataset(build(history().head(60))), "notes")
    assert failed(check_dataset(build(history().head(60))), "refuses") == []


def test_the_bars_are_those_of_the_page() -> None:
    dataset = build(history(), products())

    checks = check_dataset(dataset, last={**data_profile(dataset), "week": [1]})  # which this shop has none of
    bars = {one.name: one.bar for one in checks}

    assert bars == {
        "rows": 1_000,
        "shoppers": 50,
        "items": 10,
        "removed": 0.3,
        "volume": 0.7,
        **{f"filled {name}": 0.5 for name in ("titles", "categories", "brands", "prices")},
        **{f"shift of {name}": 0.25 for name in ("signals", "hours")},
    }, "say it in docs/models.md, Data checks and alarms, too"
    assert [one.name for one in checks if one.grade == "notes"] == ["rows", "shoppers", "items"]
    assert [one.name for one in checks if one.grade == "alarms"] == ["shift of signals", "shift of hours"]
    few = check_dataset(dataset, last={**data_profile(dataset), "rows": 999})
    assert not any(one.name.startswith("shift") for one in few), "of so few rows a histogram is mostly chance"
    left = check_dataset(build(history().head(999)), last={**data_profile(dataset), "rows": 1_000})
    assert not any(one.name.startswith("shift") for one in left)
    enough = check_dataset(dataset, last={**data_profile(dataset), "rows": 1_000})
    assert any(one.name.startswith("shift") for one in enough)
    assert stability(np.zeros((1, 1), np.int32), np.zeros((1, 1), np.int32)).bar == 0.3


def test_equal_histograms_have_index_zero() -> None:
    assert stability_index(np.array([1.0, 3.0]), np.array([10.0, 30.0])) == pytest.approx(0)
    assert stability_index(np.array([1.0, 0.0]), np.array([0.0, 1.0])) > 1


@pytest.mark.parametrize(("count", "taken_for"), [(10, 0.02), (100, 0.005), (1_000_000, 0.0001)])
def test_an_empty_bin_is_taken_for_half_a_count_but_no_bin_decides_all(count: int, taken_for: float) -> None:
    half = count / 2

    index = stability_index(np.array([half, half, 0.0]), np.array([0.0, half, half]))

    assert index == pytest.approx(2 * (0.5 - taken_for) * np.log(0.5 / taken_for))


def test_overlap_counts_shared_answers() -> None:
    before = np.array([[1, 2, -1], [3, 4, 5]], np.int32)

    assert overlap(before, before, k=2) == 1
    assert overlap(before, np.array([[2, 9, -1], [7, 8, 9]], np.int32), k=2) == 0.25
    assert overlap(before[:1], before[:1]) == 1
    assert overlap(before[:1], np.array([[2, 9, -1]], np.int32)) == 0.5, "what is behind the end is no answer"
    nothing = np.full((1, 3), -1, np.int32)
    alike = np.concatenate([before, nothing])
    assert overlap(alike, alike) == 1, "nobody sees another shop"
    assert overlap(nothing, nothing) == 1
    assert overlap(nothing, before[:1]) == overlap(before[:1], nothing) == 0
    twelve = np.arange(12, dtype=np.int32)[None]
    assert overlap(twelve, np.where(twelve < 9, twelve, twelve + 50)) == 0.9, "of the first ten"
    assert not stability(before, before + 100).passed
    assert stability(twelve, np.where(twelve < 3, twelve, twelve + 50)).passed, "three of ten"
    assert not stability(twelve, np.where(twelve < 2, twelve, twelve + 50)).passed


@pytest.mark.parametrize(("share", "named"), [(0.71, False), (0.69, True)])
def test_seven_tenths_of_the_rows_of_the_last_training_are_enough(share: float, named: bool) -> None:
    dataset = build(history())
    last = data_profile(dataset)

    result = failed(check_dataset(dataset, last={**last, "rows": last["rows"] / share}))

    assert any(line.startswith("volume") for line in result) == named


@pytest.mark.parametrize(("share", "named"), [(0.28, False), (0.32, True)])
def test_three_tenths_set_aside_are_a_fault_of_the_feed(share: float, named: bool) -> None:
    frame = history()
    frame.loc[np.arange(len(frame)) < share * len(frame), "timestamp"] = -5.0

    clean = data_profile(build(history()))
    for last in (None, clean, {name: own for name, own in clean.items() if name != "removed"}):
        assert any(line.startswith("removed") for line in failed(check_dataset(build(frame), last=last))) == named


@pytest.mark.parametrize(("share", "named"), [(0.52, False), (0.5, False), (0.48, True)])
def test_a_column_filled_for_half_of_what_it_was_is_enough(share: float, named: bool) -> None:
    dataset = build(history(), products())
    last = data_profile(dataset)
    before = {name: value / share for name, value in last["filled"].items()}

    result = failed(check_dataset(dataset, last={**last, "filled": before}))

    assert any(line.startswith("filled") for line in result) == named
