"""What no file of a shop should be: each ends in one sentence that names the file or the field, or is left out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from recsys.data.dataset import build
from recsys.data.diagnosis import input_warnings
from recsys.data.reading import restore_ids, to_seconds
from recsys.evaluation import command_line
from tests.recsys.shop_history import history, products


@pytest.mark.parametrize("endless", ["infinity", "-Infinity", np.inf])
def test_a_time_for_ever_is_no_time(endless: object) -> None:
    found = to_seconds(pd.Series([endless, "2025-06-01", None], dtype=object))

    assert np.flatnonzero(found.notna()).tolist() == [1]
    assert to_seconds(pd.Series([np.inf, np.inf, 1.7e9])).dropna().tolist() == [1.7e9]


@pytest.mark.parametrize(
    "text",
    [
        "now",
        "today",
        "10:30",
        "9:05 PM",
        "23:59:59.5",
        "12:00+02:00",
        "10:30 +0200",
        "10:30:00-0500",
        "10:30:00+02",
        "tomorrow",
    ],
)
def test_a_text_without_a_day_is_no_moment_of_today(text: str) -> None:
    found = to_seconds(pd.Series([text, "2025-06-01", "10:30 on 5 March 2025"]))

    assert np.isnan(found[0])
    assert found[2] == 1741170600.0


def test_times_that_cannot_be_read_are_told_of_by_their_column() -> None:
    rows = history(shoppers=10).assign(timestamp=lambda frame: [f"{at % 24}:30" for at in range(len(frame))])

    said = input_warnings(build(rows, products()), rows, products(), None)

    assert said == ["timestamp is not read: it holds no date and no number of seconds."]


def test_ids_are_not_doubted_where_no_row_is_left() -> None:
    rows = history(shoppers=10).assign(device="bot")
    shoppers = pd.DataFrame({"user_id": ["u001"], "age": [20]})

    dataset = build(rows, products(), shoppers)

    assert len(dataset) == 0
    assert input_warnings(dataset, rows, products(), shoppers) == []


def test_a_column_that_only_sounds_like_times_may_be_left_out(tmp_path: Path) -> None:
    rows = history(shoppers=10).drop(columns="timestamp").assign(times_played=3)
    rows.to_parquet(tmp_path / "interactions.parquet")

    with pytest.raises(CommandError, match=r"is it times_played\? Rename it or, where it holds no times, leave it out"):
        call_command("evaluate", str(tmp_path))


@pytest.mark.parametrize("days", [False, True], ids=["moments", "days"])
def test_the_order_of_rows_stands_for_no_times_of_another_name(tmp_path: Path, days: bool) -> None:
    rows = history(shoppers=10)
    moments = pd.to_datetime(rows["timestamp"], unit="s")
    rows.drop(columns="timestamp").assign(ordered=moments.dt.date if days else moments).to_parquet(
        tmp_path / "interactions.parquet"
    )

    with pytest.raises(CommandError, match=r"missing column: timestamp \(is it ordered\? Rename it"):
        call_command("evaluate", str(tmp_path))


def test_a_folder_without_part_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "interactions.parquet").mkdir()

    with pytest.raises(CommandError, match=r"interactions\.parquet has no columns: is it a folder without part files"):
        call_command("evaluate", str(tmp_path))


def test_a_missing_file_is_named_with_what_it_may_be(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"interactions\.parquet does not exist: a Parquet file, or a folder of its"):
        call_command("evaluate", str(tmp_path))


def test_a_column_that_is_there_twice_is_said_in_one_line(tmp_path: Path) -> None:
    ids = pa.array(["ada", "bo"])
    pq.write_table(pa.Table.from_arrays([ids, ids, ids], ["user_id", "user_id", "item_id"]), tmp_path / "i.parquet")
    (tmp_path / "i.parquet").rename(tmp_path / "interactions.parquet")

    with pytest.raises(CommandError, match="user_id") as refused:
        call_command("evaluate", str(tmp_path))

    assert "\n" not in str(refused.value)


def test_a_product_of_both_files_is_called_as_the_interactions_call_it() -> None:
    touched, listed = pd.Series([b"desk", b"lamp"], dtype=object), pd.Series(["desk", "lamp"], dtype=object)

    assert restore_ids(pd.Series(["lamp", "desk"], dtype=object), touched, listed).tolist() == [b"lamp", b"desk"]


def test_ctrl_c_ends_in_a_sentence_and_writes_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history(shoppers=10).to_parquet(tmp_path / "interactions.parquet")

    def interrupted(*read: object, timed: bool) -> list[str]:
        raise KeyboardInterrupt  # a signal itself is ignored where a shell began the tests in the background

    monkeypatch.setattr(command_line, "unusable", interrupted)

    with pytest.raises(CommandError, match="stopped before the end: no report is written") as stopped:
        call_command("evaluate", str(tmp_path), "--json", str(tmp_path / "report.json"))

    assert stopped.value.returncode == 130
    assert not (tmp_path / "report.json").exists()
