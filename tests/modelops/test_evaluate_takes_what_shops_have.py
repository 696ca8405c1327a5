"""Files of real shops are untidy: what can be read is read, what cannot is said in a line, and nothing is lost."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from recsys.data.dataset import build, catalog_of
from recsys.data.diagnosis import input_warnings
from recsys.data.files import read_table
from recsys.data.opinions import latest_ratings
from recsys.data.reading import restore_ids, to_seconds
from recsys.evaluation import command_line
from recsys.evaluation.evaluate import Options, evaluate
from tests.recsys.shop_history import history, products


def folder(path: Path, rows: pd.DataFrame, items: pd.DataFrame | None = None) -> Path:
    rows.to_parquet(path / "interactions.parquet")
    if items is not None:
        items.to_parquet(path / "items.parquet")
    return path


def test_a_product_without_an_id_takes_no_other_with_it() -> None:
    items = products(items=60)
    items.loc[len(items)] = {"item_id": None, "title": "nobody"}

    assert build(history(), items).catalog.item_ids == build(history(), products(items=60)).catalog.item_ids


def test_of_a_product_that_is_listed_twice_the_last_row_counts() -> None:
    items = pd.DataFrame({"item_id": ["b", "a", "b"], "title": ["Rug", "Lamp", "Carpet"]})

    shop = catalog_of(items, item_ids=pd.Series([], dtype=object))

    assert (shop.item_ids, shop.titles) == (("a", "b"), ("Lamp", "Carpet"))


def test_impossible_prices_are_unknown_and_touch_no_other() -> None:
    items = products().assign(price=np.arange(40.0))
    items.loc[[1, 3, 5], "price"] = [np.inf, -1.0, 1e300]

    prices = build(history(), items).catalog.prices

    assert prices is not None
    assert np.flatnonzero(np.isnan(prices)).tolist() == [1, 3, 5]
    assert evaluate(build(history(shoppers=20), items), Options(names=("content", "popular"))).report["questions"]


def test_ids_that_only_look_the_same_are_told_of_and_not_merged() -> None:
    rows, items = history(), products()
    assert not any("spelled" in line for line in input_warnings(build(rows, items), rows, items, None))
    one, other = rows["user_id"].unique()[:2]
    rows.loc[rows.index[rows["user_id"] == one][:2], "user_id"] = f" {one}"
    rows.loc[rows["user_id"] == other, "user_id"] = "\tO-Ren "  # nobody spells it otherwise
    items.loc[[0, 1], "item_id"] = ["caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"]

    dataset = build(rows, items)
    told = [line for line in input_warnings(dataset, rows, items, None) if "spelled" in line]

    assert told == [
        f"1 of {name} are spelled in several ways, such as {ways}, with blanks around them or in other forms of "
        "Unicode: each way counts as another one."
        for name, ways in (("user_id", f"' {one}' and '{one}'"), ("item_id", r"'cafe\u0301' and 'caf\xe9'"))
    ]
    assert {one, f" {one}"} <= set(dataset.user_ids)
    assert {"caf\xe9", "cafe\u0301"} <= set(dataset.catalog.item_ids)


@pytest.mark.parametrize(
    "shapes", [("2026-03-01 10:00:00", "2026-03-01 10:00:00.5"), ("2026-03-01", "2026-03-01T00:00:01Z")]
)
def test_dates_of_several_shapes_are_all_read(shapes: tuple[str, str]) -> None:
    found = to_seconds(pd.Series([*shapes, None]))

    assert 0 < found[1] - found[0] <= 1
    assert np.isnan(found[2])


@pytest.mark.parametrize("shape", ["%d/%m/%Y %H:%M", "%d.%m.%Y", "%m/%d/%Y", "%m-%d-%Y %H:%M", "%Y%m%d"])
@pytest.mark.parametrize(("first", "days"), [("2025-01-01", 12), ("2025-01-01", 90), ("2025-12-01", 5)])
def test_the_day_or_the_month_comes_first_in_all_rows_alike(shape: str, first: str, days: int) -> None:
    dates = pd.Series(pd.date_range(first, periods=days, freq="D", tz="UTC"))

    found = to_seconds(dates.dt.strftime(shape))

    assert found.tolist() == (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds().tolist()


@pytest.mark.parametrize("shape", ["%d/%m/%Y", "%m/%d/%Y"])
def test_one_number_above_twelve_tells_the_day_however_the_others_are_spread(shape: str) -> None:
    months = pd.date_range("2025-01-01", periods=12, freq="MS", tz="UTC")
    dates = pd.Series([*months, pd.Timestamp("2025-06-15", tz="UTC")])

    found = to_seconds(dates.dt.strftime(shape))

    assert found.tolist() == (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds().tolist()


def test_one_row_of_another_shape_costs_no_other_row() -> None:
    days = pd.Series(pd.date_range("2025-01-13", periods=30, freq="D").strftime("%d/%m/%Y"))
    days[3], days[4], days[5] = "2025-01-16", "1737072000", "yesterday"

    found = to_seconds(days)

    assert np.flatnonzero(found.isna()).tolist() == [5]
    assert np.diff(found.drop(5).to_numpy()).tolist() == [86_400.0] * 4 + [2 * 86_400.0] + [86_400.0] * 23


def test_rows_that_share_a_label_keep_their_own_times() -> None:
    both = pd.concat([pd.Series(["2025-01-01", "03.02.2025"]), pd.Series(["05.02.2025", "13.02.2025"])])

    assert to_seconds(both).tolist() == [1735689600.0, 1738540800.0, 1738713600.0, 1739404800.0]


def test_days_in_digits_are_days_and_other_numbers_seconds() -> None:
    assert to_seconds(pd.Series([20250131, 20250201])).tolist() == [1738281600.0, 1738368000.0]
    assert to_seconds(pd.Series([20250131, 20259999])).tolist() == [20250131.0, 20259999.0]


def test_moments_in_digits_are_moments() -> None:
    assert to_seconds(pd.Series([202501310930, 202502010000])).tolist() == [1738315800.0, 1738368000.0]
    assert to_seconds(pd.Series([20250131093015, 20250201000000])).tolist() == [1738315815.0, 1738368000.0]
    assert to_seconds(pd.Series([893286638000, 893286639000])).tolist() == [893286638.0, 893286639.0]


@pytest.mark.parametrize("shape", ["seconds", "texts", "microseconds"])
def test_a_date_that_fills_a_column_is_no_moment(shape: str) -> None:
    rows = history()
    last = rows["timestamp"].max()
    filled = rows.assign(timestamp=rows["timestamp"].where(np.arange(len(rows)) % 200 > 0, 253_402_214_400.0))
    dates = pd.to_datetime(filled["timestamp"].astype("int64"), unit="s").astype("datetime64[us]")
    shapes = {"seconds": filled["timestamp"], "texts": dates.astype(str), "microseconds": dates}
    filled["timestamp"] = shapes[shape]

    data = build(filled, products())

    assert data.interactions.times.max() <= last
    assert [one["rows"] for one in data.report["removed"] if one["rule"] == "far off"] == [-(-len(rows) // 200)]
    assert all(one["rows"] == 0 for one in build(rows, products()).report["removed"])


def test_a_column_that_was_the_index_of_a_frame_is_a_column(tmp_path: Path) -> None:
    rows = history(shoppers=10)
    rows.set_index("timestamp").to_parquet(tmp_path / "interactions.parquet")

    read = read_table(tmp_path / "interactions.parquet")

    assert read is not None
    assert read["timestamp"].tolist() == rows["timestamp"].tolist()


def test_times_in_a_column_of_another_name_are_not_left_out(tmp_path: Path) -> None:
    folder(tmp_path, history(shoppers=10).rename(columns={"timestamp": "event_time"}))

    with pytest.raises(CommandError, match=r"missing column: timestamp \(is it event_time"):
        call_command("evaluate", str(tmp_path))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"event": lambda rows: rows["event"].where(rows.index % 3 > 0, "Bestellt")},
            r"rows are events .*\(bestellt\)",
        ),
        ({"event": "rating", "stars": lambda rows: rows.index % 5 + 1.0}, "stars is no rating: Stars are rows"),
        ({"event": "rating", "value": "4,0"}, "value is not read: it holds no number"),
        (
            {"timestamp": lambda rows: rows["timestamp"].where(rows.index % 5 > 0, rows["timestamp"] * 1000)},
            "years apart",
        ),
    ],
)
def test_columns_that_tell_nothing_are_told_of(changed: dict[str, Any], said: str) -> None:
    rows = history(shoppers=20).drop(columns="value", errors="ignore").assign(**changed)

    assert re.search(said, " ".join(input_warnings(build(rows, products()), rows, products(), None)))


def test_prices_and_days_of_products_that_are_not_read_are_told_of() -> None:
    rows, items = history(shoppers=20), products().assign(price="12,99 EUR", first_seen="some day")

    told = " ".join(input_warnings(build(rows, items), rows, items, None))

    assert "price is not read" in told
    assert "first_seen is not read" in told


def test_attributes_written_as_json_are_read() -> None:
    items = pd.DataFrame({"item_id": ["a", "b"], "attributes": ['{"color": "red", "size": null}', '["new", "in {x}"]']})

    found = catalog_of(items, item_ids=pd.Series([], dtype=object)).attributes

    assert found == (("color=red",), ("new", "in {x}"))


def test_large_ids_stay_apart_where_one_is_missing(tmp_path: Path) -> None:
    rows = history(shoppers=40)
    ids = pa.array([None, *(76_561_198_000_000_000 + 3 * int(name[1:]) for name in rows["user_id"][1:])], pa.int64())
    table = pa.Table.from_pandas(rows, preserve_index=False).set_column(0, "user_id", ids)
    assert rows.columns[0] == "user_id"
    pq.write_table(table, tmp_path / "interactions.parquet")

    read = read_table(tmp_path / "interactions.parquet")

    assert read is not None
    assert build(read).user_ids == tuple(sorted({str(one) for one in ids.to_pylist()[1:]}))


def test_a_file_that_tells_nothing_is_told_of() -> None:
    rows, items = history(shoppers=20), products().assign(item_id=lambda frame: "sku-" + frame["item_id"])
    shoppers = pd.DataFrame({"user_id": ["nobody"], "age": ["20"]})
    odd = rows.assign(event="zap")

    assert input_warnings(build(rows, products()), rows, products(), None) == []
    said = " ".join(input_warnings(build(odd, items, shoppers), odd, items, shoppers))
    assert all(words in said for words in ("No event has a name", "of items.parquet", "in shoppers.parquet"))


def test_days_and_stars_that_are_not_read_are_told_of() -> None:
    rows = history(shoppers=20)
    days = rows.assign(timestamp=np.arange(len(rows)) // 9 + 1)
    stars = rows.assign(value=np.arange(len(rows)) % 5 + 1.0).drop(columns="event")

    assert "before 1973" in " ".join(input_warnings(build(days, products()), days, products(), None))
    assert "value is no rating: without" in " ".join(input_warnings(build(stars, products()), stars, products(), None))


def test_shoppers_whose_attributes_are_lists_are_known(tmp_path: Path) -> None:
    rows = history(shoppers=20)
    pd.DataFrame({"user_id": ["u001"], "tags": [["a", "b"]], "sizes": [[38, 40]]}).to_parquet(tmp_path / "s.parquet")
    shoppers = pd.read_parquet(tmp_path / "s.parquet")

    shop = build(rows, products(), shoppers)

    assert shop.interactions.shoppers[shop.user_ids.index("u001")] == ("sizes=30-39", "sizes=40-49", "tags=a", "tags=b")
    nothing = shoppers[["user_id"]]
    assert input_warnings(build(rows, products(), nothing), rows, products(), nothing) == [], "the ids are the same"


def test_an_attribute_without_a_word_is_none() -> None:
    items = pd.DataFrame({"item_id": ["a", "b"], "attributes": [["blue", "", None], [""]]})

    assert catalog_of(items, item_ids=pd.Series([], dtype=object)).attributes == (("blue",), ())


@pytest.mark.parametrize("column", ["item_id", "event", "order_id", "device"])
def test_lists_where_one_value_belongs_are_refused(column: str) -> None:
    rows = history(shoppers=4)

    with pytest.raises(ValueError, match=f"{column}: one value a row"):
        build(rows.assign(**{column: [["x"]] * len(rows)}))


def test_order_numbers_of_several_shoppers_are_several_orders() -> None:
    rows = history(shoppers=2, visits=2).assign(order_id=lambda frame: frame.groupby("user_id").ngroup() * 0 + 1)
    rows.loc[0, "order_id"] = None

    baskets = build(rows, products()).interactions.baskets

    assert baskets[0] == -1
    assert len(set(baskets[1:].tolist())) == 2
    rows = pd.DataFrame({"user_id": list("aabb"), "item_id": "x", "timestamp": range(1, 5), "order_id": [1, 2, 1, 2]})
    assert sorted(build(rows).interactions.baskets.tolist()) == [0, 1, 2, 3]
    assert build(rows.drop(columns="order_id")).interactions.baskets.tolist() == [-1] * 4


def test_a_clock_that_was_made_up_makes_nobody_a_machine() -> None:
    rows = pd.concat([history()] * 3, ignore_index=True).assign(user_id="ada", event="view")
    rows = rows.assign(timestamp=np.arange(1.0, len(rows) + 1))

    assert len(build(rows, products(), timed=False)) > len(build(rows, products())) == 0


def test_a_rating_without_stars_is_no_rating() -> None:
    rows = history().assign(event="rating", value=5.0)
    rows.loc[:9, "value"] = np.nan

    interactions = build(rows, products()).interactions

    assert len(interactions) == len(rows)
    assert len(latest_ratings(interactions, until=np.inf)) <= len(rows) - 10
    assert set(interactions.values[latest_ratings(interactions, until=np.inf)].tolist()) == {5.0}


def test_the_report_is_json_and_says_null_where_nobody_was_asked(tmp_path: Path) -> None:
    out = tmp_path / "report.json"

    call_command("evaluate", str(folder(tmp_path, history(shoppers=20))), "--json", str(out))

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    cold = json.loads(out.read_text(), parse_constant=refuse)["released"]["cold"]["ndcg@10"]
    assert (cold["value"], cold["n"]) == (None, 0)


def test_answers_can_be_joined_with_the_file(tmp_path: Path) -> None:
    rows = history(shoppers=20)
    rows = rows.assign(
        user_id=rows["user_id"].str[1:].astype(np.int32), item_id=pd.array(rows["item_id"].str[1:].astype(int), "Int64")
    )
    out = tmp_path / "answers.parquet"

    call_command("evaluate", str(folder(tmp_path, rows)), "--recommendations", str(out))

    answers = pd.read_parquet(out)
    assert answers["user"].dtype == np.int32
    assert answers["user"].isin(rows["user_id"]).all()
    assert answers["item"].isin(rows["item_id"]).all()


@pytest.mark.parametrize(
    ("column", "ids", "told"),
    [
        (pd.Series([2.0, np.nan]), ["2"], [2.0]),
        (pd.Series([2**63 + 1], dtype=np.uint64), [str(2**63 + 1)], [2**63 + 1]),
        (pd.Series([7, 8], dtype="category"), ["8"], [8]),
        (pd.Series(["7", "8"], dtype="category"), ["8"], ["8"]),
        (pd.Series([7, 8], dtype="int64[pyarrow]"), [], []),
        (pd.Series([7, 8]), ["8", "sku-9"], ["8", "sku-9"]),
        (pd.Series([7, 8], dtype=np.int8), ["8", "900"], ["8", "900"]),
        (pd.Series(["7", "08"]), ["08"], ["08"]),
        (pd.Series([True, False]), ["True"], ["True"]),
        (pd.Series([Decimal(7), Decimal(8)], dtype=object), ["8"], [Decimal(8)]),
        (pd.Series([b"ada", b"\xf4"], dtype=object), ["f4", "ada"], [b"\xf4", b"ada"]),
        (pd.Series([b"ada", b"bo"], dtype=object), ["sku-9"], ["sku-9"]),
    ],
)
def test_ids_are_of_the_type_of_their_file_where_all_can_be(
    column: pd.Series, ids: list[str], told: list[object]
) -> None:
    assert restore_ids(pd.Series(ids, dtype=object), column).tolist() == told


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("interactions.parquet", b"user,item", "cannot be read as Parquet"),
        ("items.parquet", b"item", "cannot be read as Parquet"),
    ],
)
def test_a_file_that_is_no_parquet_is_named(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    folder(tmp_path, history(shoppers=10))
    (tmp_path / name).write_bytes(content)

    with pytest.raises(CommandError, match=f"{name} {words}"):
        call_command("evaluate", str(tmp_path))


def test_what_cannot_be_written_or_read_is_said_before_the_work(tmp_path: Path) -> None:
    path = folder(tmp_path, history(shoppers=10), pd.DataFrame({"sku": ["i000"]}))

    for arguments, words in (
        ((str(path), "--json", str(tmp_path / "none" / "out.json")), "there is no folder"),
        ((str(path), "--recommendations", str(tmp_path / "none" / "out.parquet")), "there is no folder"),
        ((str(path), "--json", str(tmp_path)), "is a folder, name a file"),
        ((str(path), "--json", str(path / "items.parquet")), "is read, it would be overwritten"),
        ((str(path), "--json", str(tmp_path / "o"), "--recommendations", str(tmp_path / "o")), "two files"),
        ((str(path), "--budget", "nan"), "--budget"),
        ((str(path / "interactions.parquet"),), "name the folder"),
        ((str(path),), "missing column of the items: item_id"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("evaluate", *arguments)


def test_evaluations_take_the_shops_weights(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(dataset: Any, *rest: Any, **named: Any) -> None:
        raise ValueError(f"purchases count {dataset.weights['purchase']}")

    history().to_parquet(tmp_path / "interactions.parquet")
    settings.EVENT_WEIGHTS = {"purchase": 2.5}
    monkeypatch.setattr(command_line, "evaluate", stopped)

    with pytest.raises(CommandError, match="purchases count 2.5"):
        call_command("evaluate", str(tmp_path))
