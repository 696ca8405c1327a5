"""A run of training as it goes: its progress, its heartbeat and its end are told in its row."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from common import clock
from modelops.models import RunState, TrainingRun
from recsys.progress import Progress, part_of

Found = TypeVar("Found")
DATA_SHARE, TRAIN_SHARE = 0.15, 0.95
"""What share of a run is done when the data is read, and when it has trained."""
REGISTERS = TRAIN_SHARE + 0.01
"""The share at which a version is registered: who asks it to stop later comes too late, for half of it would stay."""
WAITS = (0.5, 5.0, 30.0)
"""Seconds before a finished training tries again to reach a database that went away."""
TELL_SECONDS = 0.5
BEAT_SECONDS = 10.0
"""How often a run says that it lives, whatever it is at: one fit may take minutes."""
log = logging.getLogger(__name__)


class Stopped(Exception):
    """Leaves a training at the step at which it learns that somebody asked it to stop."""


class RunProgress:
    """Writes a run's progress into its row, at most twice a second, and to who else listens."""

    def __init__(self, run: TrainingRun, listener: Progress | None) -> None:
        self.run, self._listener, self._told_at = run, listener, float("-inf")

    def begin(self) -> bool:
        """Mark the run as running; return whether nobody else began it at the same moment."""
        as_read = TrainingRun.objects.filter(pk=self.run.pk, state=self.run.state, heartbeat_at=self.run.heartbeat_at)
        now = clock.now()
        begun = as_read.update(
            state=RunState.RUNNING, started_at=now, heartbeat_at=now, step="Reading events", progress=0.0
        )
        self.run.refresh_from_db()
        return bool(begun)

    def tell(self, step: str, share: float) -> None:
        """Note the step and how much of the whole is done. Raises Stopped where somebody asked the run to stop."""
        if self._listener is not None:
            self._listener(step, share)
        if step != self.run.step or time.monotonic() - self._told_at >= TELL_SECONDS:
            self._told_at = time.monotonic()
            if share == REGISTERS:  # the last look for who asked, and nobody can ask from here on: neither may be lost
                insisted(lambda: self._noted(step, share))
                return
            try:
                self._noted(step, share)
            except (DatabaseError, InterfaceError) as error:  # an hour's work is worth more than its progress
                log.warning("training.progress_lost run=%s error=%s", self.run.pk, error)
                _reconnect()

    def end(self, state: RunState, *, message: str) -> None:
        """Mark the run as over; the step of one that failed says where."""
        told: dict[str, Any] = {"state": state, "message": message}
        if state == RunState.DONE:
            told |= {"progress": 1.0, "step": ""}
        insisted(lambda: self._write(**told, finished_at=clock.now()))  # what failed the run may be the database

    def part(self, low: float, high: float) -> Progress:
        """Return a listener for a part of the whole."""
        return part_of(self.tell, low, high)

    def _noted(self, step: str, share: float) -> None:
        self._write(step=step[:200], progress=share)
        if share <= REGISTERS and self._is_asked_to_stop():
            raise Stopped

    def _is_asked_to_stop(self) -> bool:
        # After the share was written: from `REGISTERS` on nobody can ask any more.
        return TrainingRun.objects.filter(pk=self.run.pk).exclude(stop_asked_by="").exists()

    def _write(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self.run, name, value)
        self.run.heartbeat_at = clock.now()
        self.run.save(update_fields=[*fields, "heartbeat_at"])


@contextlib.contextmanager
def beating(run: TrainingRun) -> Iterator[None]:
    """Note from time to time, beside the work, that the run lives."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            try:
                TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=clock.now())
            except (DatabaseError, InterfaceError) as error:  # the run itself will meet it, if it lasts
                log.warning("training.beat_lost run=%s error=%s", run.pk, error)
            finally:
                connection.close()

    thread = threading.Thread(target=beat, name=f"training-{run.pk}-beats", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def insisted(step: Callable[[], Found]) -> Found:
    """Return what the step returns; it is tried again, on another connection, where it lost the database meanwhile."""
    for wait in WAITS:
        try:
            return step()
        except (OperationalError, InterfaceError) as error:
            log.warning("training.database_lost error=%s", error)
            time.sleep(wait)
            _reconnect()
    return step()


def _reconnect() -> None:
    """Let the next query open a connection anew, where nothing is under way on this one."""
    if not connection.in_atomic_block:
        connection.close()
