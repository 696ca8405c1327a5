"""The loop runs while somebody wakes it, through an outage of its store, and never with SERVING_REFRESH=inline."""

import threading
import time
from collections.abc import Callable

import pytest
import redis
from django.conf import LazySettings

from common.background import BackgroundLoop


def until(question: Callable[[], bool]) -> None:
    """Wait until the answer is yes, up to ten seconds."""
    deadline = time.monotonic() + 10
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_each_wake_has_a_turn_in_one_thread(settings: LazySettings) -> None:
    settings.SERVING_REFRESH = "background"
    turns: list[int] = []
    loop = BackgroundLoop("test", lambda: turns.append(threading.get_ident()), seconds=0.01)

    loop.wake()
    until(lambda: len(turns) == 1)
    time.sleep(0.1)
    assert len(turns) == 1
    loop.wake()
    until(lambda: len(turns) == 2)

    assert len(set(turns)) == 1
    assert threading.get_ident() not in turns


def test_a_steady_loop_goes_on(settings: LazySettings) -> None:
    settings.SERVING_REFRESH = "background"
    turns: list[int] = []
    loop = BackgroundLoop("test", lambda: turns.append(1), seconds=0.01, steady=True)

    loop.wake()

    until(lambda: len(turns) > 3)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [redis.ConnectionError("down"), ValueError("a bug")])
def test_it_goes_on_after_an_error(settings: LazySettings, error: Exception) -> None:
    settings.SERVING_REFRESH = "background"
    turns: list[int] = []

    def work() -> None:
        turns.append(1)
        if len(turns) == 1:
            raise error

    loop = BackgroundLoop("test", work, seconds=0.01)
    loop.wake()
    until(lambda: len(turns) == 1)
    time.sleep(0.1)
    loop.wake()

    until(lambda: len(turns) == 2)


def test_inline_nothing_runs(settings: LazySettings) -> None:
    turns: list[int] = []
    loop = BackgroundLoop("test", lambda: turns.append(1), seconds=0.001)

    loop.wake()
    time.sleep(0.05)

    assert turns == []
