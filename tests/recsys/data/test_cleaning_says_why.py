"""Rows that teach nothing are set aside, each by a named rule, and the rest keeps its values."""

import numpy as np
import pandas as pd
import pytest

from recsys.data.activity import third_names, thirds
from recsys.data.cleaning import clean
from recsys.data.dataset import build
from recsys.data.reading import id_texts
from recsys.data.signals import SIGNAL_NAMES


def frame(**changes: object) -> pd.DataFrame:
    rows = {
        "user_id": ["ada", "ada", "bo", "bo"],
        "item_id": ["hat", "mug", "hat", "pen"],
        "timestamp": [1.0, 2.0, 3.0, 4.0],
        "event": ["view", "purchase", "view", "rating"],
        "value": [1.0, 1.0, 1.0, 4.0],
    }
    return pd.DataFrame({**rows, **changes})


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"user_id": ["ada", None, "bo", "bo"]}, "ids"),
        ({"timestamp": [1.0, np.nan, 3.0, 4.0]}, "time"),
        ({"timestamp": [1.0, -5.0, 3.0, 4.0]}, "time"),
        ({"value": [1.0, 1.0, 1.0, 100.5]}, "values"),
        ({"value": [1.0, 1.0, 1.0, -100.5]}, "values"),
        ({"value": [1.0, -1.0, 1.0, 4.0]}, "values"),
        ({"quantity": [1, -1, 1, 1]}, "values"),
        ({"device": ["mobile", None, "bot", "desktop"]}, "bots"),
        ({"device": pd.array(["mobile", None, "bot", "desktop"], "string")}, "bots"),
        ({"quantity": pd.array([1, None, -1, 2], "Int64")}, "values"),
        ({"price": pd.array([1.5, None, -1.0, 2.0], "Float64")}, "values"),
        ({"user_id": [1.0, np.inf, 2.0, 2.0]}, "ids"),
    ],
)
def test_each_rule_takes_its_row(changes: dict[str, object], rule: str) -> None:
    rows, removed = clean(frame(**changes))

    assert len(rows) == 3
    assert {one.rule: one.rows for one in removed if one.rows} == {rule: 1}


def test_where_nothing_says_what_rows_are_they_are_purchases_and_returns_of_them() -> None:
    rows, removed = clean(frame(value=[1.0, -1.0, 1.0, -2.0]).drop(columns="event"))

    assert rows["item_id"].tolist() == ["hat", "hat"]
    assert {one.rule: one.rows for one in removed if one.rows} == {"values": 2}


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e39, None, "much", "inf"])
def test_an_event_whose_value_is_no_number_counts_without_it(value: object) -> None:
    result = frame(value=pd.Series([1.0, value, 1.0, value]))

    rows, removed = clean(result)

    assert rows["value"].tolist() == [1.0, 1.0, 1.0, 1.0]
    assert rows["event"].tolist() == ["view", "purchase", "view", "engage"]  # no stars, no rating
    assert not any(one.rows for one in removed)
    assert {one["column"]: one["values"] for one in build(result).report["imputed"]}["value"] == 2


def test_ratings_of_a_file_without_stars_are_no_ratings() -> None:
    rows, _ = clean(frame().drop(columns="value"))

    assert rows["event"].tolist() == ["view", "purchase", "view", "engage"]
    assert rows["value"].tolist() == [1.0, 1.0, 1.0, 1.0]


def test_duplicates_are_counted_once() -> None:
    rows, removed = clean(pd.concat([frame(), frame().head(1)], ignore_index=True))

    assert len(rows) == 4
    assert {one.rule: one.rows for one in removed if one.rows} == {"duplicates": 1}


def test_an_order_that_browser_and_server_tell_of_counts_once_and_a_number_used_again_is_another_order() -> None:
    line = {"user_id": "ada", "item_id": "hat", "event": "purchase", "order_id": "1"}
    rows = pd.DataFrame([{**line, "timestamp": at} for at in (100.0, 102.0, 90_000.0)])
    other = pd.DataFrame(
        [{**line, "timestamp": 103.0, "order_id": None}, {**line, "timestamp": 104.0, "event": "view"}]
    )

    kept, removed = clean(pd.concat([rows, other]))  # labels stand twice, as in a file put together from two

    assert kept["timestamp"].tolist() == [100.0, 90_000.0, 103.0, 104.0]
    assert {one.rule: one.rows for one in removed if one.rows} == {"duplicates": 1}


def test_shoppers_of_whom_as_much_is_known_are_in_one_third() -> None:
    result = dict(thirds(np.array([1, 1, 1, 1, 1, 1, 1, 1, 5, 7])))

    assert {name: rows.tolist() for name, rows in result.items()} == {
        "some events": list(range(8)),
        "many events": [8, 9],
    }
    assert [len(rows) for _, rows in thirds(np.arange(9))] == [3, 3, 3]
    assert third_names(np.array([5, 5])) == ("some events", "some events")


def test_a_machine_is_set_aside_whole() -> None:
    items = [f"i{number}" for number in range(300)]
    machine = pd.DataFrame({"user_id": "eve", "item_id": items, "timestamp": np.arange(300) / 10 + 60, "event": "view"})

    rows, removed = clean(pd.concat([frame(), machine], ignore_index=True))

    assert set(rows["user_id"]) == {"ada", "bo"}
    assert {one.rule: one.rows for one in removed if one.rows} == {"machines": 300}


@pytest.mark.parametrize(("minute", "day", "kept"), [(200, 5_000, True), (201, 5_000, False), (200, 5_001, False)])
def test_two_hundred_events_in_a_minute_and_five_thousand_in_a_day_are_a_hands(
    minute: int, day: int, kept: bool
) -> None:
    fast = 120.0 + np.arange(minute) * 0.2
    slow = 3_600.0 + np.arange(day - minute) * 10.0
    times = np.concatenate([fast, slow])
    rows = pd.DataFrame({"user_id": "ada", "item_id": np.arange(day).astype(str), "timestamp": times, "event": "view"})

    assert len(clean(rows)[0]) == (day if kept else 0)


def test_a_hundred_stars_are_stars() -> None:
    assert clean(frame(value=[1.0, 1.0, 1.0, 100.0]))[0]["value"].tolist() == [1.0, 1.0, 1.0, 100.0]


def test_a_large_order_and_a_long_evening_of_rating_are_no_machine() -> None:
    items = [f"i{number}" for number in range(300)]
    for event in ("checkout", "purchase", "rating"):
        rows = pd.DataFrame({"user_id": "eve", "item_id": items, "timestamp": 60.0, "event": event})
        assert len(clean(rows)[0]) == 300
    assert len(clean(rows.drop(columns="event"))[0]) == 300


def browsing(shopper: str, *, sessions: int, fast: int = 1) -> pd.DataFrame:
    """Return daily sessions of five views, the first `fast` of which hold 300 in half a minute."""
    days = [(day, at) for day in range(sessions) for at in range(300 if day < fast else 5)]
    times = [86_400.0 * (day + 1) + (at / 10 if day < fast else 60 * at) for day, at in days]
    items = [f"i{number}" for number in range(len(days))]
    return pd.DataFrame({"user_id": shopper, "item_id": items, "timestamp": times, "event": "view"})


def test_one_session_of_a_tool_does_not_cost_a_shopper_the_others() -> None:
    rows, removed = clean(pd.concat([browsing("eve", sessions=10), browsing("bo", sessions=3, fast=0)]))

    assert rows["user_id"].value_counts().to_dict() == {"eve": 45, "bo": 15}
    assert {one.rule: one.rows for one in removed if one.rows} == {"sessions": 300}


@pytest.mark.parametrize(("sessions", "fast"), [(9, 1), (10, 2)])
def test_who_has_more_fast_sessions_is_a_machine_altogether(sessions: int, fast: int) -> None:
    rows, removed = clean(browsing("eve", sessions=sessions, fast=fast))

    assert rows.empty
    assert {one.rule for one in removed if one.rows} == {"machines"}


def test_big_baskets_and_clocks_of_hours_are_no_session_of_a_tool() -> None:
    own = browsing("ada", sessions=10)

    assert len(clean(own.assign(event="purchase"))[0]) == 345
    assert len(clean(own.drop(columns="event"))[0]) == 345
    assert len(clean(own.assign(timestamp=own["timestamp"] // 3_600 * 3_600))[0]) == 345


def test_a_clock_of_days_cannot_tell_of_minutes() -> None:
    items = [f"i{number}" for number in range(300)]
    rows = pd.DataFrame({"user_id": "eve", "item_id": items, "timestamp": 86_400.0, "event": "view"})

    assert len(clean(rows)[0]) == 300


def test_days_that_begin_at_half_past_are_a_clock_of_days_too() -> None:
    days = pd.date_range("2024-03-01", periods=2, tz="Asia/Kolkata").repeat(300)
    rows = pd.DataFrame({"user_id": "eve", "item_id": np.arange(600).astype(str), "timestamp": days, "event": "view"})

    assert len(clean(rows)[0]) == 600


def test_an_amount_of_money_is_no_rating_out_of_range() -> None:
    assert len(clean(frame(value=[1.0, 9_999.0, -1.0, 4.0]))[0]) == 4


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_times_are_seconds_whatever_unit_they_came_in(unit: int) -> None:
    began = 1_400_000_000
    whole = [(began + at) * unit for at in range(4)]

    assert clean(frame(timestamp=whole))[0]["timestamp"].tolist() == [began + at for at in range(4)]


@pytest.mark.parametrize("kind", ["datetime64[ns]", "datetime64[ms]", "datetime64[ns, Europe/Paris]", "str", "date"])
def test_dates_are_seconds_too(kind: str) -> None:
    dates = pd.date_range("2014-05-13", periods=4, tz="UTC")
    column: pd.Series = pd.Series(dates.tz_localize(None))
    match kind:
        case "str":
            column = column.dt.strftime("%Y-%m-%d")
        case "date":
            column = column.dt.date
        case "datetime64[ns, Europe/Paris]":
            column = pd.Series(dates.tz_convert("Europe/Paris"))
        case _:
            column = column.astype(kind)

    dataset = build(frame(timestamp=column))

    assert dataset.interactions.times.tolist() == [1_399_939_200 + at * 86_400 for at in range(4)]
    assert dataset.clock.tolist() == dataset.interactions.times.tolist()


def test_a_row_without_a_date_goes_and_the_others_stay() -> None:
    rows, removed = clean(frame(timestamp=pd.to_datetime(["2014-05-13", None, "2014-05-14", "2014-05-15"])))

    assert len(rows) == 3
    assert {one.rule: one.rows for one in removed if one.rows} == {"time": 1}


def test_events_that_other_shops_name_otherwise_are_known() -> None:
    rows, _ = clean(frame(event=["pv", " BUY ", None, "addtocart"]))

    assert rows["event"].fillna("").tolist() == ["view", "purchase", "", "cart"]
    assert build(frame(event=["pv", "BUY", None, "unheard of"])).interactions.weights.tolist() == [1, 4, 1, 1]


def test_far_off_is_thrice_as_far_as_nearly_all_lie_apart() -> None:
    days = np.append(np.linspace(1, 3_651, 1_000), [14_200, 14_600])  # 3,578 days lie between the hundredths

    rows, removed = clean(pd.DataFrame({"user_id": "ada", "item_id": "hat", "timestamp": days * 86_400}))

    assert {one.rule: one.rows for one in removed}["far off"] == 1
    assert rows["timestamp"].max() == 14_200 * 86_400


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="timestamp"):
        clean(frame().drop(columns="timestamp"))


def test_codes_follow_the_alphabet_and_rows_follow_time() -> None:
    dataset = build(frame().iloc[::-1], pd.DataFrame({"item_id": ["cup"], "title": ["A cup"], "attributes": ["a b"]}))

    assert dataset.catalog.item_ids == ("cup", "hat", "mug", "pen")
    assert dataset.catalog.titles == ("A cup", "", "", "")
    assert dataset.catalog.attributes == (("a", "b"), (), (), ())
    assert dataset.interactions.items.tolist() == [1, 2, 1, 3]
    assert dataset.user_ids == ("ada", "bo")
    assert dataset.interactions.values.tolist() == [1, 1, 1, 4]


def test_ids_that_a_gap_made_floats_are_the_same_ids() -> None:
    gap = frame(user_id=[7.0, 7.0, 8.0, np.nan], item_id=[1.0, 2.0, 1.0, 2.0])
    dataset = build(gap, pd.DataFrame({"item_id": [1, 2]}), pd.DataFrame({"user_id": [7], "region": ["north"]}))

    assert dataset.user_ids == ("7", "8")
    assert dataset.catalog.item_ids == ("1", "2")
    assert dataset.interactions.shoppers == (("region=north",), ())


def test_ids_too_large_for_whole_numbers_or_infinite_spoil_no_other() -> None:
    assert id_texts(pd.Series([1e20, 2.0])).tolist() == ["1e+20", "2.0"]
    assert id_texts(pd.Series([7.0, np.nan, np.inf]))[[0, 2]].tolist() == ["7", ""]
    assert id_texts(pd.Series([7.0, 7.5])).tolist() == ["7.0", "7.5"]


def test_products_are_read_as_files_have_them() -> None:
    items = pd.DataFrame(
        {
            "item_id": ["hat", "mug"],
            "category": [["wear", None, "head"], None],
            "attributes": [{"color": "red", "size": None}, "hot|cold"],
            "first_seen": pd.to_datetime(["2026-01-01", None]),
        }
    )

    rows = frame()
    result = build(rows.assign(timestamp=rows["timestamp"] + pd.Timestamp("2026-02-01").timestamp()), items).catalog

    assert result.categories == ("wear/head", "", "")
    assert result.attributes == (("color=red",), ("hot", "cold"), ())
    assert result.first_seen is not None
    assert result.first_seen[0] == pd.Timestamp("2026-01-01").timestamp()
    assert np.isnan(result.first_seen[1:]).all()


def test_missing_values_are_counted_with_what_becomes_of_them() -> None:
    rows = frame(event=["view", "teleport", None, "buy"], value=[1.0, None, 1.0, 4.0], order_id=["1", None, None, None])
    items = pd.DataFrame({"item_id": ["hat", "mug"], "price": [3.0, None], "category": ["", "kitchen"]})
    items["first_seen"] = [0.5, None]

    report = build(rows, items).report

    counts = {one["column"]: one["values"] for one in report["imputed"]}
    assert counts == {"event": 2, "value": 1, "order_id": 3, "price": 2, "category": 2, "first_seen": 2}
    assert all(one["rule"] for one in report["imputed"])
    assert "price" in report["scaled"]


def test_of_a_column_that_is_not_there_no_value_is_missing_and_all_are_purchases() -> None:
    dataset = build(frame().drop(columns=["event", "value"]))

    assert dataset.report["imputed"] == []
    assert {SIGNAL_NAMES[signal] for signal in dataset.interactions.signals} == {"purchase"}
