"""The library owns copies of a few constants of rooms above it, since it imports none of them. They are equal."""

from typing import get_args

from events.types.base import SAME_ORDER_MICROSECONDS, Signal
from profiles.history import LASTING
from recsys.data import signals


def test_signals_have_the_codes_that_events_are_stored_by() -> None:
    assert get_args(Signal) == signals.SIGNAL_NAMES


def test_training_keeps_apart_what_live_profiles_keep_apart() -> None:
    assert signals.LASTING == LASTING


def test_training_counts_a_line_once_within_the_time_that_profiles_do() -> None:
    assert signals.SAME_ORDER_SECONDS == SAME_ORDER_MICROSECONDS / 1_000_000
