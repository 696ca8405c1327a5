"""The clock of the waiting room: counts events that waited too long for a decision."""

import logging
import threading
from typing import Final

from django.db import close_old_connections

from events.consumer import STORE_ERRORS, close_broken_connection
from events.services.waiting import count_overdue

EVERY_SECONDS: Final = 0.5
log = logging.getLogger(__name__)


def sweep(stop: threading.Event) -> None:
    """Sweep until `stop` is set. Stores that do not answer are tried again; any number of sweepers may run."""
    while not stop.wait(EVERY_SECONDS):
        try:
            count_overdue()
            close_old_connections()
        except STORE_ERRORS as error:
            log.warning("sweeper.waiting error=%s", error)
            close_broken_connection()
