"""When an event happened, by the sender's corrected clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.intake.items import Envelope, Item, read_item
from events.intake.times import EARLIEST, event_time, parse_time

SECOND = 1_000_000
NOW = 1_764_000_000 * SECOND


@pytest.mark.parametrize(
    ("sent", "original", "expected"),
    [
        (NOW - 9 * SECOND, NOW - 10 * SECOND, NOW - 1 * SECOND),  # a clock nine seconds behind
        (NOW + 3600 * SECOND, NOW + 3590 * SECOND, NOW - 10 * SECOND),  # a clock an hour ahead
        (None, NOW - 10 * SECOND, NOW - 10 * SECOND),
        (None, NOW + 10 * SECOND, NOW),
        (NOW, NOW + 10 * SECOND, NOW),
        (NOW, None, NOW),
        (NOW, 5, NOW),  # a clock that stands in 1970
    ],
)
def test_the_delay_counts_not_the_clock(sent: int | None, original: int | None, expected: int) -> None:
    assert event_time(received_at=NOW, sent_at=sent, original=original) == expected


@given(st.none() | st.integers(-(10**18), 10**18), st.none() | st.integers(-(10**18), 10**18))
def test_no_event_is_of_the_future_or_of_a_broken_clock(sent: int | None, original: int | None) -> None:
    assert EARLIEST <= event_time(received_at=NOW, sent_at=sent, original=original) <= NOW


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2025-11-24T16:00:00Z", NOW),
        ("2025-11-24T17:00:00.000+01:00", NOW),
        ("2025-11-24T16:00:00", NOW),
        (1_764_000_000, NOW),
        (1_764_000_000_000, NOW),
        (1_764_000_000_000_000, NOW),
        ("yesterday", None),
        (True, None),
        (None, None),
        (1e300, None),
        ({}, None),
    ],
)
def test_times_are_read_in_any_unit(given: object, expected: int | None) -> None:
    assert parse_time(given) == expected


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        # rudder-sdk-node writes its own clock beside the time it was told: history keeps its day
        ({"timestamp": "2020-02-29T12:00:00+05:30", "originalTimestamp": NOW}, 1_582_957_800 * SECOND),
        # an archive tells all four: what was corrected then is not moved to the day it is sent again
        ({"timestamp": NOW - 9000 * SECOND, "originalTimestamp": NOW - 12600 * SECOND}, NOW - 9000 * SECOND),
        ({"timestamp": "soon", "originalTimestamp": NOW - 5 * SECOND}, NOW - 4 * SECOND),
        ({"originalTimestamp": NOW - 5 * SECOND}, NOW - 4 * SECOND),
        ({"timestamp": NOW - 5 * SECOND}, NOW - 4 * SECOND),
    ],
)
def test_a_time_beside_the_senders_clock_is_believed(times: dict[str, object], expected: int) -> None:
    item = {"type": "page", "userId": "ada", "sentAt": NOW - SECOND, **times}

    read = read_item(item, Envelope(received_at=NOW))

    assert isinstance(read, Item)
    assert read.event.at == expected
