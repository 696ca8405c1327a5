"""Tasks for a real worker whose processes can be killed at chosen points."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from celery import current_app, signals
from django.db import transaction

from common import redis

DEATHS, DONE = "test:deaths", "test:done"
"""Redis lists: points at which the next processes die, and tasks that have ended."""
COMPLETE = "with the worker"
"""Suffix of points at which the whole worker dies, not only the task's process."""


def die(at: str) -> None:
    """Kill this process, as the kernel does for lack of memory, if it is to die at this point."""
    due: Any = redis.client().lindex(DEATHS, 0)
    if due is None or not due.decode().startswith(at):
        return
    redis.client().lpop(DEATHS)
    if due.decode().endswith(COMPLETE):
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def mortal(step: Callable[..., Any], *, at: str) -> Callable[..., Any]:
    """Return the step with a kill point before it."""

    def stepped(*args: Any, **kwargs: Any) -> Any:
        die(at)
        return step(*args, **kwargs)

    return stepped


@contextlib.contextmanager
def dying_behind() -> Iterator[None]:
    """Return a transaction with a kill point after its commit, before the task is acknowledged."""
    with transaction.atomic():
        yield
    die("kept")


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def prepare(**more: Any) -> None:
    """Install the kill points in the worker's processes, and redeliver lost tasks at once."""
    from modelops.services import drift_watch as drift
    from modelops.services import increments
    from modelops.tasks import watch_drift_task

    for module, name, at in (
        (drift, "training_frame", "reading"),
        (drift, "storable", "keeping"),  # within the transaction: the alarm is written by then
        (increments, "shop_dataset", "learning"),
    ):
        setattr(module, name, mortal(getattr(module, name), at=at))
    vars(drift)["transaction"] = SimpleNamespace(atomic=dying_behind)
    watch_drift_task.default_retry_delay = 0
    current_app.conf.broker_transport_options = {"visibility_timeout": 1}


@signals.task_postrun.connect  # type: ignore[untyped-decorator]
def tell(task: Any, **more: Any) -> None:
    """Note that a task has ended."""
    redis.client().rpush(DONE, task.name)
