"""Answer times are bounds, as exact as the histogram; a minute without answers has none."""

import pytest

from portal.stream.hour import TimeBound, sections, summary, time_bound

MINUTE = {"within:recommend:0.001": 0, "within:recommend:0.01": 90, "within:recommend:0.1": 99,
          "within:recommend:+Inf": 100}  # fmt: skip


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.45, "under 10 ms"), (0.9, "under 10 ms"), (0.95, "under 100 ms"), (1.0, "over 100 ms")],
)
def test_a_quantile_is_the_end_of_its_bucket(share: float, text: str) -> None:
    assert str(time_bound(MINUTE, "recommend", share)) == text
    assert str(TimeBound(2.5)) == "under 2.5 ms"


def test_a_minute_alone_is_drawn_and_names_its_answers() -> None:
    shown = {one.slug: one for one in sections({1: {}, 2: {"within:recommend:0.25": 4, "within:recommend:+Inf": 4}})}

    assert all("markers" in trace["mode"] for trace in shown["recommend"].figure["data"])
    assert shown["recommend"].columns == ("Minute", "Answers", "50%", "95%", "99%")
    assert shown["recommend"].rows[0][1:] == ("4", "under 250 ms", "under 250 ms", "under 250 ms")
    assert shown["recommend"].rows[1][1:] == ("0", "–", "–", "–")


def test_without_answers_there_is_no_quantile() -> None:
    assert time_bound(MINUTE, "collect", 0.5) is None
    assert time_bound({"within:collect:+Inf": 0}, "collect", 0.5) is None


def test_the_summary_covers_the_last_two_minutes() -> None:
    hour = {
        1: {"event:kept": 100},
        2: {"event:kept": 4, "status:400": 2, "lag": 7, "lookup:a:hit": 3, "lookup:b:miss": 1, "lines": 9},
        3: {"event:kept": 1, "lines": 1, "lines_shown": 2},
    }

    recent = summary(hour)

    assert (recent.accepted, recent.errors, recent.lag, recent.hits) == (5, 2, 7, 75)
    assert recent.arrived == 105
    assert (recent.lines, recent.lines_shown) == (10, 2)
    assert [kept for _, kept in recent.kept_by_minute] == [100, 4, 1]


def test_an_empty_hour_has_all_sections() -> None:
    assert [one.slug for one in sections({1: {}, 2: {}})] == [
        "events", "errors", "lag", "recommend", "collect", "caches",
    ]  # fmt: skip
