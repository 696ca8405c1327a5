"""Invalid input files: each causes one message that names the file or field, or is skipped."""

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
def test_infinite_time_is_missing(endless: object) -> None:
    times = to_seconds(pd.Series([endless, "2025-06-01", None], dtype=object))

    assert np.flatnonzero(times.notna()).tolist() == [1]
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
def test_text_without_a_date_is_missing(text: str) -> None:
    times = to_seconds(pd.Series([text, "2025-06-01", "10:30 on 5 March 2025"]))

    assert np.isnan(times[0])
    assert times[2] == 1741170600.0


def test_unreadable_times_are_reported_by_column() -> None:
    rows = history(shoppers=10).assign(timestamp=lambda frame: [f"{at % 24}:30" for at in range(len(frame))])

    warnings = input_warnings(build(rows, products()), rows, products(), None)

    assert warnings == ["timestamp is not read: it holds no date and no number of seconds."]


def test_no_id_warning_without_rows() -> None:
    rows = history(shoppers=10).assign(device="bot")
    shoppers = pd.DataFrame({"user_id": ["u001"], "age": [20]})

    dataset = build(rows, products(), shoppers)

    assert len(dataset) == 0
    assert input_warnings(dataset, rows, products(), shoppers) == []


def test_similar_column_name_may_be_ignored(tmp_path: Path) -> None:
    rows = history(shoppers=10).drop(columns="timestamp").assign(times_played=3)
    rows.to_parquet(tmp_path / "interactions.parquet")

    with pytest.raises(CommandError, match=r"is it times_played\? Rename it or, where it holds no times, leave it out"):
        call_command("evaluate", str(tmp_path))


@pytest.mark.parametrize("days", [False, True], ids=["moments", "days"])
def test_row_order_does_not_replace_misnamed_times(tmp_path: Path, days: bool) -> None:
    rows = history(shoppers=10)
    moments = pd.to_datetime(rows["timestamp"], unit="s")
    rows.drop(columns="timestamp").assign(ordered=moments.dt.date if days else moments).to_parquet(
        tmp_path / "interactions.parquet"
    )

    with pytest.raises(CommandError, match=r"missing column: timestamp \(is it ordered\? Rename it"):
        call_command("evaluate", str(tmp_path))


def test_empty_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "interactions.parquet").mkdir()

    with pytest.raises(CommandError, match=r"interactions\.parquet has no columns: is it a folder without part files"):
        call_command("evaluate", str(tmp_path))


def test_missing_file_is_named_with_its_formats(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"interactions\.parquet does not exist: a Parquet file, or a folder of its"):
        call_command("evaluate", str(tmp_path))


def test_duplicate_column_is_rejected(tmp_path: Path) -> None:
    ids = pa.array(["ada", "bo"])
    pq.write_table(pa.Table.from_arrays([ids, ids, ids], ["user_id", "user_id", "item_id"]), tmp_path / "i.parquet")
    (tmp_path / "i.parquet").rename(tmp_path / "interactions.parquet")

    with pytest.raises(CommandError, match="user_id") as error:
        call_command("evaluate", str(tmp_path))

    assert "\n" not in str(error.value)


def test_item_ids_follow_the_interactions_file() -> None:
    interaction_ids, item_ids = pd.Series([b"desk", b"lamp"], dtype=object), pd.Series(["desk", "lamp"], dtype=object)

    assert restore_ids(pd.Series(["lamp", "desk"], dtype=object), interaction_ids, item_ids).tolist() == [
        b"lamp",
        b"desk",
    ]


def test_interrupt_writes_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history(shoppers=10).to_parquet(tmp_path / "interactions.parquet")

    def interrupted(*read: object, timed: bool) -> list[str]:
        raise KeyboardInterrupt  # a signal itself is ignored where a shell began the tests in the background

    monkeypatch.setattr(command_line, "input_warnings", interrupted)

    with pytest.raises(CommandError, match="stopped before the end: no report is written") as error:
        call_command("evaluate", str(tmp_path), "--json", str(tmp_path / "report.json"))

    assert error.value.returncode == 130
    assert not (tmp_path / "report.json").exists()
