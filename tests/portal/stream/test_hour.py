"""Quantiles come from the histogram; a minute without answers has none."""

import pytest

from portal.stream.hour import milliseconds, sections, summary

MINUTE = {"within:recommend:0.001": 0, "within:recommend:0.01": 90, "within:recommend:0.1": 99,
          "within:recommend:+Inf": 100}  # fmt: skip


@pytest.mark.parametrize(("share", "value"), [(0.45, 5.5), (0.9, 10.0), (0.99, 100.0), (1.0, 100.0)])
def test_quantiles_are_linear_within_a_bucket(share: float, value: float) -> None:
    assert milliseconds(MINUTE, "recommend", share) == value


def test_without_answers_there_is_no_quantile() -> None:
    assert milliseconds(MINUTE, "collect", 0.5) is None
    assert milliseconds({"within:collect:+Inf": 0}, "collect", 0.5) is None


def test_the_summary_covers_the_last_two_minutes() -> None:
    hour = {
        1: {"event:kept": 100},
        2: {"event:kept": 4, "status:400": 2, "lag": 7, "lookup:a:hit": 3, "lookup:b:miss": 1, "lines": 9},
        3: {"event:kept": 1, "lines": 1, "lines_shown": 2},
    }

    recent = summary(hour)

    assert (recent.accepted, recent.errors, recent.lag, recent.hits) == (5, 2, 7, 75)
    assert (recent.lines, recent.lines_shown) == (10, 2)
    assert [kept for _, kept in recent.kept_by_minute] == [100, 4, 1]


def test_an_empty_hour_has_all_sections() -> None:
    assert [one.slug for one in sections({1: {}, 2: {}})] == [
        "events", "errors", "lag", "recommend", "collect", "caches",
    ]  # fmt: skip
