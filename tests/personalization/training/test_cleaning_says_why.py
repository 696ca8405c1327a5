"""Rows that teach nothing are set aside, each by a named rule, and the rest keeps its values."""

import numpy as np
import pandas as pd
import pytest

from personalization.training.cleaning import clean
from personalization.training.dataset import build


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
        ({"value": [1.0, 9_999.0, 1.0, 4.0]}, "values"),
        ({"quantity": [1, -1, 1, 1]}, "values"),
    ],
)
def test_each_rule_takes_its_row(changes: dict[str, object], rule: str) -> None:
    rows, removed = clean(frame(**changes))

    assert len(rows) == 3
    assert {one.rule: one.rows for one in removed if one.rows} == {rule: 1}


def test_duplicates_are_counted_once() -> None:
    rows, removed = clean(pd.concat([frame(), frame().head(1)], ignore_index=True))

    assert len(rows) == 4
    assert {one.rule: one.rows for one in removed if one.rows} == {"duplicates": 1}


def test_a_machine_is_set_aside_whole() -> None:
    items = [f"i{number}" for number in range(300)]
    machine = pd.DataFrame({"user_id": "eve", "item_id": items, "timestamp": np.arange(300) / 10 + 60, "event": "view"})

    rows, removed = clean(pd.concat([frame(), machine], ignore_index=True))

    assert set(rows["user_id"]) == {"ada", "bo"}
    assert {one.rule: one.rows for one in removed if one.rows} == {"machines": 300}


def test_a_large_order_and_a_long_evening_of_rating_are_no_machine() -> None:
    items = [f"i{number}" for number in range(300)]
    for event in ("purchase", "rating"):
        rows = pd.DataFrame({"user_id": "eve", "item_id": items, "timestamp": 60.0, "event": event})
        assert len(clean(rows)[0]) == 300
    assert len(clean(rows.drop(columns="event"))[0]) == 300


def test_a_clock_of_days_cannot_tell_of_minutes() -> None:
    items = [f"i{number}" for number in range(300)]
    rows = pd.DataFrame({"user_id": "eve", "item_id": items, "timestamp": 86_400.0, "event": "view"})

    assert len(clean(rows)[0]) == 300


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="timestamp"):
        clean(frame().drop(columns="timestamp"))


def test_codes_follow_the_alphabet_and_rows_follow_time() -> None:
    dataset = build(frame().iloc[::-1], pd.DataFrame({"item_id": ["cup"], "title": ["A cup"], "attributes": ["a b"]}))

    assert dataset.catalogue.item_ids == ("cup", "hat", "mug", "pen")
    assert dataset.catalogue.titles == ("A cup", "", "", "")
    assert dataset.catalogue.attributes == (("a", "b"), (), (), ())
    assert dataset.interactions.items.tolist() == [1, 2, 1, 3]
    assert dataset.user_ids == ("ada", "bo")
    assert dataset.interactions.values.tolist() == [1, 1, 1, 4]
