"""A worker of a server ends with the process that started it, also when that was killed."""

import multiprocessing
import os
import signal
import threading
import time

from common import postgres

LOOK_SECONDS, GRACE_SECONDS = 0.5, 10.0


def end_with_parent() -> None:
    """Watch the parent from a thread, in a process that `multiprocessing` started, as granian's workers are.

    A server that serves from its first process, or forks its workers itself, is left alone.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.pid,), name="end-with-parent", daemon=True).start()


def load_early() -> None:
    """Load catalog and model before the first request asks for them, in such a worker. Call when Django is set up.

    A process that is forked later would inherit a lock that nobody holds any more.
    """
    from personalization.serving.snapshot_refresher import keeper

    if multiprocessing.parent_process() is not None:
        keeper.begin()


def wait_with_limits() -> None:
    """Have such a worker's requests give up a PostgreSQL that hangs where they can do without it."""
    if multiprocessing.parent_process() is not None:
        postgres.wait_with_limits()


def _follow(parent: int) -> None:
    """Terminate this process when the parent is gone; kill it where an open stream keeps it."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
