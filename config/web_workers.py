"""Start-up of web workers: end with the parent process, preload the catalog, limit waiting for PostgreSQL."""

import multiprocessing
import os
import signal
import threading
import time

from common import postgres

LOOK_SECONDS, GRACE_SECONDS = 0.5, 10.0
WARM_SECONDS = 30.0
"""A worker takes requests at last after this time: with a very large catalog it is still loading, and says so."""


def end_with_parent() -> None:
    """Watch the parent from a thread, in a process of `multiprocessing` such as granian's workers.

    A server that serves from its first process, or forks its workers itself, is left alone.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.pid,), name="end-with-parent", daemon=True).start()


def load_early() -> None:
    """Load catalog and model and answer with them before such a worker takes requests. Call after Django's setup.

    Routes are imported in a thread meanwhile. In a process that forks later, the child would inherit a lock that
    nobody holds any more.
    """
    from django.urls import reverse

    from personalization.serving.snapshot_refresher import snapshot_refresher

    if multiprocessing.parent_process() is not None:
        snapshot_refresher.begin()
        # It imports every room's views, which takes seconds on a busy machine.
        threading.Thread(target=reverse, args=("admin:index",), name="import-routes", daemon=True).start()
        snapshot_refresher.wait_for_first_look(seconds=WARM_SECONDS)


def limit_waiting() -> None:
    """Limit how long such a worker waits for PostgreSQL."""
    if multiprocessing.parent_process() is not None:
        postgres.limit_waiting()


def _follow(parent: int) -> None:
    """Terminate this process when the parent is gone; kill it if an open stream keeps it alive."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
