"""Included by a real worker: its processes are killed where a test wants it."""

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
"""Where the next processes die, one after the other; and the tasks that came to their end."""
COMPLETE = "with the worker"
"""Ends the name of a place where the whole worker dies, not the one process that is at the task."""


def die(at: str) -> None:
    """Kill this process, as the kernel does where memory is short, if the next one is to die here."""
    due: Any = redis.client().lindex(DEATHS, 0)
    if due is None or not due.decode().startswith(at):
        return
    redis.client().lpop(DEATHS)
    if due.decode().endswith(COMPLETE):
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def mortal(step: Callable[..., Any], *, at: str) -> Callable[..., Any]:
    """Return the step, before which one may die."""

    def stepped(*args: Any, **named: Any) -> Any:
        die(at)
        return step(*args, **named)

    return stepped


@contextlib.contextmanager
def dying_behind() -> Iterator[None]:
    """Be a transaction behind which one may die, before the broker hears that the task is done."""
    with transaction.atomic():
        yield
    die("kept")


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def prepare(**more: Any) -> None:
    """Let tasks die in the worker's processes, and what is lost come again at once."""
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
    """Tell that a task came to its end."""
    redis.client().rpush(DONE, task.name)
