"""Untidy input files: readable values are read, unreadable ones cause one warning, no row is lost."""

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


def test_row_without_id_removes_no_other_row() -> None:
    items = products(items=60)
    items.loc[len(items)] = {"item_id": None, "title": "nobody"}

    assert build(history(), items).catalog.item_ids == build(history(), products(items=60)).catalog.item_ids


def test_last_row_of_duplicate_product_wins() -> None:
    items = pd.DataFrame({"item_id": ["b", "a", "b"], "title": ["Rug", "Lamp", "Carpet"]})

    shop = catalog_of(items, item_ids=pd.Series([], dtype=object))

    assert (shop.item_ids, shop.titles) == (("a", "b"), ("Lamp", "Carpet"))


def test_invalid_prices_are_missing() -> None:
    items = products().assign(price=np.arange(40.0))
    items.loc[[1, 3, 5], "price"] = [np.inf, -1.0, 1e300]

    prices = build(history(), items).catalog.prices

    assert prices is not None
    assert np.flatnonzero(np.isnan(prices)).tolist() == [1, 3, 5]
    assert evaluate(build(history(shoppers=20), items), Options(names=("content", "popular"))).report["questions"]


def test_similar_ids_cause_warning() -> None:
    rows, items = history(), products()
    assert not any("spelled" in line for line in input_warnings(build(rows, items), rows, items, None))
    one, other = rows["user_id"].unique()[:2]
    rows.loc[rows.index[rows["user_id"] == one][:2], "user_id"] = f" {one}"
    rows.loc[rows["user_id"] == other, "user_id"] = "\tO-Ren "  # nobody spells it otherwise
    items.loc[[0, 1], "item_id"] = ["caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"]

    dataset = build(rows, items)
    warnings = [line for line in input_warnings(dataset, rows, items, None) if "spelled" in line]

    assert warnings == [
        f"1 of {name} are spelled in several ways, such as {ways}, with blanks around them or in other forms of "
        "Unicode: each way counts as another one."
        for name, ways in (("user_id", f"' {one}' and '{one}'"), ("item_id", r"'cafe\u0301' and 'caf\xe9'"))
    ]
    assert {one, f" {one}"} <= set(dataset.user_ids)
    assert {"caf\xe9", "cafe\u0301"} <= set(dataset.catalog.item_ids)


@pytest.mark.parametrize(
    "shapes", [("2026-03-01 10:00:00", "2026-03-01 10:00:00.5"), ("2026-03-01", "2026-03-01T00:00:01Z")]
)
def test_mixed_date_formats_are_read(shapes: tuple[str, str]) -> None:
    times = to_seconds(pd.Series([*shapes, None]))

    assert 0 < times[1] - times[0] <= 1
    assert np.isnan(times[2])


@pytest.mark.parametrize("shape", ["%d/%m/%Y %H:%M", "%d.%m.%Y", "%m/%d/%Y", "%m-%d-%Y %H:%M", "%Y%m%d"])
@pytest.mark.parametrize(("first", "days"), [("2025-01-01", 12), ("2025-01-01", 90), ("2025-12-01", 5)])
def test_day_month_order_is_the_same_in_all_rows(shape: str, first: str, days: int) -> None:
    dates = pd.Series(pd.date_range(first, periods=days, freq="D", tz="UTC"))

    times = to_seconds(dates.dt.strftime(shape))

    assert times.tolist() == (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds().tolist()


@pytest.mark.parametrize("shape", ["%d/%m/%Y", "%m/%d/%Y"])
def test_number_above_twelve_decides_day_month_order(shape: str) -> None:
    months = pd.date_range("2025-01-01", periods=12, freq="MS", tz="UTC")
    dates = pd.Series([*months, pd.Timestamp("2025-06-15", tz="UTC")])

    times = to_seconds(dates.dt.strftime(shape))

    assert times.tolist() == (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds().tolist()


def test_odd_row_does_not_affect_others() -> None:
    days = pd.Series(pd.date_range("2025-01-13", periods=30, freq="D").strftime("%d/%m/%Y"))
    days[3], days[4], days[5] = "2025-01-16", "1737072000", "yesterday"

    times = to_seconds(days)

    assert np.flatnonzero(times.isna()).tolist() == [5]
    assert np.diff(times.drop(5).to_numpy()).tolist() == [86_400.0] * 4 + [2 * 86_400.0] + [86_400.0] * 23


def test_rows_that_share_a_label_keep_their_own_times() -> None:
    both = pd.concat([pd.Series(["2025-01-01", "03.02.2025"]), pd.Series(["05.02.2025", "13.02.2025"])])

    assert to_seconds(both).tolist() == [1735689600.0, 1738540800.0, 1738713600.0, 1739404800.0]


def test_eight_digit_numbers_are_dates() -> None:
    assert to_seconds(pd.Series([20250131, 20250201])).tolist() == [1738281600.0, 1738368000.0]
    assert to_seconds(pd.Series([20250131, 20259999])).tolist() == [20250131.0, 20259999.0]


def test_fourteen_digit_numbers_are_times() -> None:
    assert to_seconds(pd.Series([202501310930, 202502010000])).tolist() == [1738315800.0, 1738368000.0]
    assert to_seconds(pd.Series([20250131093015, 20250201000000])).tolist() == [1738315815.0, 1738368000.0]
    assert to_seconds(pd.Series([893286638000, 893286639000])).tolist() == [893286638.0, 893286639.0]


@pytest.mark.parametrize("shape", ["seconds", "texts", "microseconds"])
def test_far_off_date_is_removed(shape: str) -> None:
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


def test_index_becomes_a_column(tmp_path: Path) -> None:
    rows = history(shoppers=10)
    rows.set_index("timestamp").to_parquet(tmp_path / "interactions.parquet")

    read = read_table(tmp_path / "interactions.parquet")

    assert read is not None
    assert read["timestamp"].tolist() == rows["timestamp"].tolist()


def test_misnamed_time_column_is_rejected(tmp_path: Path) -> None:
    folder(tmp_path, history(shoppers=10).rename(columns={"timestamp": "event_time"}))

    with pytest.raises(CommandError, match=r"missing column: timestamp \(is it event_time"):
        call_command("evaluate", str(tmp_path))


@pytest.mark.parametrize(
    ("changed", "warning"),
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
def test_useless_columns_cause_warnings(changed: dict[str, Any], warning: str) -> None:
    rows = history(shoppers=20).drop(columns="value", errors="ignore").assign(**changed)

    assert re.search(warning, " ".join(input_warnings(build(rows, products()), rows, products(), None)))


def test_unreadable_prices_and_dates_cause_warnings() -> None:
    rows, items = history(shoppers=20), products().assign(price="12,99 EUR", first_seen="some day")

    warnings = " ".join(input_warnings(build(rows, items), rows, items, None))

    assert "price is not read" in warnings
    assert "first_seen is not read" in warnings


def test_attributes_written_as_json_are_read() -> None:
    items = pd.DataFrame({"item_id": ["a", "b"], "attributes": ['{"color": "red", "size": null}', '["new", "in {x}"]']})

    attributes = catalog_of(items, item_ids=pd.Series([], dtype=object)).attributes

    assert attributes == (("color=red",), ("new", "in {x}"))


def test_large_ids_keep_precision_with_missing_values(tmp_path: Path) -> None:
    rows = history(shoppers=40)
    ids = pa.array([None, *(76_561_198_000_000_000 + 3 * int(name[1:]) for name in rows["user_id"][1:])], pa.int64())
    table = pa.Table.from_pandas(rows, preserve_index=False).set_column(0, "user_id", ids)
    assert rows.columns[0] == "user_id"
    pq.write_table(table, tmp_path / "interactions.parquet")

    read = read_table(tmp_path / "interactions.parquet")

    assert read is not None
    assert build(read).user_ids == tuple(sorted({str(one) for one in ids.to_pylist()[1:]}))


def test_useless_file_causes_warning() -> None:
    rows, items = history(shoppers=20), products().assign(item_id=lambda frame: "sku-" + frame["item_id"])
    shoppers = pd.DataFrame({"user_id": ["nobody"], "age": ["20"]})
    odd = rows.assign(event="zap")

    assert input_warnings(build(rows, products()), rows, products(), None) == []
    warnings = " ".join(input_warnings(build(odd, items, shoppers), odd, items, shoppers))
    assert all(words in warnings for words in ("No event has a name", "of items.parquet", "in shoppers.parquet"))


def test_unreadable_dates_and_ratings_cause_warnings() -> None:
    rows = history(shoppers=20)
    days = rows.assign(timestamp=np.arange(len(rows)) // 9 + 1)
    stars = rows.assign(value=np.arange(len(rows)) % 5 + 1.0).drop(columns="event")

    assert "before 1973" in " ".join(input_warnings(build(days, products()), days, products(), None))
    assert "value is no rating: without" in " ".join(input_warnings(build(stars, products()), stars, products(), None))


def test_list_attributes_of_shoppers_are_read(tmp_path: Path) -> None:
    rows = history(shoppers=20)
    pd.DataFrame({"user_id": ["u001"], "tags": [["a", "b"]], "sizes": [[38, 40]]}).to_parquet(tmp_path / "s.parquet")
    shoppers = pd.read_parquet(tmp_path / "s.parquet")

    shop = build(rows, products(), shoppers)

    assert shop.interactions.shoppers[shop.user_ids.index("u001")] == ("sizes=30-39", "sizes=40-49", "tags=a", "tags=b")
    nothing = shoppers[["user_id"]]
    assert input_warnings(build(rows, products(), nothing), rows, products(), nothing) == [], "the ids are the same"


def test_empty_attribute_is_none() -> None:
    items = pd.DataFrame({"item_id": ["a", "b"], "attributes": [["blue", "", None], [""]]})

    assert catalog_of(items, item_ids=pd.Series([], dtype=object)).attributes == (("blue",), ())


@pytest.mark.parametrize("column", ["item_id", "event", "order_id", "device"])
def test_list_instead_of_value_is_rejected(column: str) -> None:
    rows = history(shoppers=4)

    with pytest.raises(ValueError, match=f"{column}: one value a row"):
        build(rows.assign(**{column: [["x"]] * len(rows)}))


def test_same_order_id_of_two_shoppers_is_two_orders() -> None:
    rows = history(shoppers=2, visits=2).assign(order_id=lambda frame: frame.groupby("user_id").ngroup() * 0 + 1)
    rows.loc[0, "order_id"] = None

    baskets = build(rows, products()).interactions.baskets

    assert baskets[0] == -1
    assert len(set(baskets[1:].tolist())) == 2
    rows = pd.DataFrame({"user_id": list("aabb"), "item_id": "x", "timestamp": range(1, 5), "order_id": [1, 2, 1, 2]})
    assert sorted(build(rows).interactions.baskets.tolist()) == [0, 1, 2, 3]
    assert build(rows.drop(columns="order_id")).interactions.baskets.tolist() == [-1] * 4


def test_row_order_times_do_not_trigger_bot_rules() -> None:
    rows = pd.concat([history()] * 3, ignore_index=True).assign(user_id="ada", event="view")
    rows = rows.assign(timestamp=np.arange(1.0, len(rows) + 1))

    assert len(build(rows, products(), timed=False)) > len(build(rows, products())) == 0


def test_rating_without_value_is_dropped() -> None:
    rows = history().assign(event="rating", value=5.0)
    rows.loc[:9, "value"] = np.nan

    interactions = build(rows, products()).interactions

    assert len(interactions) == len(rows)
    assert len(latest_ratings(interactions, until=np.inf)) <= len(rows) - 10
    assert set(interactions.values[latest_ratings(interactions, until=np.inf)].tolist()) == {5.0}


@pytest.mark.usefixtures("few_sources")
def test_report_is_valid_json_with_nulls(tmp_path: Path) -> None:
    out = tmp_path / "report.json"

    call_command("evaluate", str(folder(tmp_path, history(shoppers=20))), "--json", str(out))

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    cold = json.loads(out.read_text(), parse_constant=refuse)["released"]["cold"]["ndcg@10"]
    assert (cold["value"], cold["n"]) == (None, 0)


@pytest.mark.usefixtures("few_sources")
def test_written_answers_join_with_the_file(tmp_path: Path) -> None:
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
    ("column", "ids", "expected"),
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
def test_ids_keep_the_type_of_the_file(column: pd.Series, ids: list[str], expected: list[object]) -> None:
    assert restore_ids(pd.Series(ids, dtype=object), column).tolist() == expected


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("interactions.parquet", b"user,item", "cannot be read as Parquet"),
        ("items.parquet", b"item", "cannot be read as Parquet"),
    ],
)
def test_invalid_parquet_file_is_named(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    folder(tmp_path, history(shoppers=10))
    (tmp_path / name).write_bytes(content)

    with pytest.raises(CommandError, match=f"{name} {words}"):
        call_command("evaluate", str(tmp_path))


def test_paths_are_checked_before_the_work(tmp_path: Path) -> None:
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


def test_evaluation_uses_the_event_weights_of_the_shop(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(dataset: Any, *rest: Any, **kwargs: Any) -> None:
        raise ValueError(f"purchases count {dataset.weights['purchase']}")

    history().to_parquet(tmp_path / "interactions.parquet")
    settings.EVENT_WEIGHTS = {"purchase": 2.5}
    monkeypatch.setattr(command_line, "evaluate", stopped)

    with pytest.raises(CommandError, match="purchases count 2.5"):
        call_command("evaluate", str(tmp_path))
