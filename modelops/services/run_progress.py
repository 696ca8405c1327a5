"""Writes a training run's progress, heartbeat and end into its row."""

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

Result = TypeVar("Result")
DATA_SHARE, TRAIN_SHARE = 0.15, 0.95
"""The share of a run that is done when the data is read, and when training has ended."""
REGISTERS = TRAIN_SHARE + 0.01
"""The share at which the version is registered. A run cannot be stopped after that: the version would be incomplete."""
WAITS = (0.5, 5.0, 30.0)
"""Seconds between retries of a lost database connection."""
WRITE_SECONDS = 0.5
FIRST_STEP = "Reading events"
MOST_STEPS = 500
"""The most steps that a run's row keeps."""
BEAT_SECONDS = 10.0
"""The interval of heartbeats; they are independent of progress, because one fit may take minutes."""
log = logging.getLogger(__name__)


class TrainingStopped(Exception):
    """Raised in a training when somebody has requested its stop."""


class RunProgress:
    """Writes a run's progress into its row, at most twice a second, and passes it to a listener."""

    def __init__(self, run: TrainingRun, listener: Progress | None) -> None:
        self.run, self._listener, self._written_at = run, listener, float("-inf")

    def begin(self) -> bool:
        """Mark the run as running; return False if another process started it at the same moment."""
        as_read = TrainingRun.objects.filter(pk=self.run.pk, state=self.run.state, heartbeat_at=self.run.heartbeat_at)
        now = clock.real_now()
        updated = as_read.update(
            state=RunState.RUNNING, started_at=now, heartbeat_at=now, step=FIRST_STEP, progress=0.0, steps=[]
        )
        self.run.refresh_from_db()
        self.run.steps = [[FIRST_STEP, 0.0]]
        return bool(updated)

    def tell(self, step: str, share: float) -> None:
        """Note the step and the finished share. Raises TrainingStopped if somebody has requested a stop."""
        if self._listener is not None:
            self._listener(step, share)
        self._note_step(step)
        if step != self.run.step or time.monotonic() - self._written_at >= WRITE_SECONDS:
            self._written_at = time.monotonic()
            if share == REGISTERS:  # the last check for a stop request, and the end of stop requests: must not be lost
                retried(lambda: self._note_progress(step, share))
                return
            try:
                self._note_progress(step, share)
            except (DatabaseError, InterfaceError) as error:  # lost progress must not fail an hour's work
                log.warning("training.progress_lost run=%s error=%s", self.run.pk, error)
                _reconnect()

    def end(self, state: RunState, *, message: str) -> None:
        """Mark the run as ended; a failed run keeps its step."""
        fields: dict[str, Any] = {"state": state, "message": message}
        if state == RunState.DONE:
            fields |= {"progress": 1.0, "step": ""}
        retried(
            lambda: self._write(**fields, finished_at=clock.real_now())
        )  # the failure may have been a lost database

    def part(self, low: float, high: float) -> Progress:
        """Return a listener for a part of the whole."""
        return part_of(self.tell, low, high)

    def _note_step(self, step: str) -> None:
        """Note when the step began, in seconds since the start of the run; it is written with the progress."""
        steps, started_at = self.run.steps, self.run.started_at
        if started_at is not None and len(steps) < MOST_STEPS and (not steps or steps[-1][0] != step[:200]):
            steps.append([step[:200], round((clock.now() - started_at).total_seconds(), 1)])

    def _note_progress(self, step: str, share: float) -> None:
        self._write(step=step[:200], progress=share, steps=self.run.steps)
        if share <= REGISTERS and self._is_asked_to_stop():
            raise TrainingStopped

    def _is_asked_to_stop(self) -> bool:
        # Read after the share was written: from `REGISTERS` on, no new request is accepted.
        return TrainingRun.objects.filter(pk=self.run.pk).exclude(stop_asked_by="").exists()

    def _write(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self.run, name, value)
        self.run.heartbeat_at = clock.real_now()
        self.run.save(update_fields=[*fields, "heartbeat_at"])


@contextlib.contextmanager
def heartbeat(run: TrainingRun) -> Iterator[None]:
    """Write the run's heartbeat from a background thread while the block runs."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            try:
                TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=clock.real_now())
            except (DatabaseError, InterfaceError) as error:  # if it persists, the run itself fails
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


def retried(step: Callable[[], Result]) -> Result:
    """Return the result of the step; after a lost connection it is retried on a new one."""
    for wait in WAITS:
        try:
            return step()
        except (OperationalError, InterfaceError) as error:
            log.warning("training.database_lost error=%s", error)
            time.sleep(wait)
            _reconnect()
    return step()


def _reconnect() -> None:
    """Close the connection unless a transaction is open, so that the next query opens a new one."""
    if not connection.in_atomic_block:
        connection.close()
