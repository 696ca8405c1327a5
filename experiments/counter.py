"""The counter of experiments: a loop that counts what was recorded, within a part of a second."""

import logging
import threading
import time
from typing import Final

from django.db import close_old_connections

from events.consumer import LONGEST_WAIT, STORE_ERRORS, close_broken_connection
from experiments.selectors.counting import is_behind
from experiments.services.measuring import count_new

POLL_SECONDS: Final = 0.1
IDLE_SECONDS: Final = 1.0
"""How often it looks for changed experiments and for busy units that are due, without new events."""
log = logging.getLogger(__name__)


def run(stop: threading.Event) -> None:
    """Count until `stop` is set. Stores that do not answer are tried again."""
    wait, counted_at = POLL_SECONDS, float("-inf")
    while not stop.is_set():
        pause = POLL_SECONDS
        try:
            if is_behind() or time.monotonic() - counted_at > IDLE_SECONDS:
                close_old_connections()
                count_new()
                counted_at, pause = time.monotonic(), 0 if is_behind() else pause
            wait = POLL_SECONDS
        except STORE_ERRORS as error:
            log.warning("counter.waiting seconds=%.2f error=%s", wait, error)
            close_broken_connection()
            pause = wait = min(LONGEST_WAIT, wait * 2)
        stop.wait(pause)
