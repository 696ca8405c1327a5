"""A loop in a thread of this process: it is started at the first need, and again after a fork."""

import logging
import os
import threading
import time
from collections.abc import Callable

import redis
from django.conf import settings

from common.errors import Unavailable

log = logging.getLogger(__name__)


class BackgroundLoop:
    """Runs `work` at most once in `seconds` while somebody calls `wake`; with `steady`, from then on always.

    Stores that do not answer are tried again at the next turn. With SERVING_REFRESH=inline nothing runs by itself.
    """

    def __init__(self, name: str, work: Callable[[], object], *, seconds: float, steady: bool = False) -> None:
        self._name, self._work, self._seconds, self._steady = name, work, seconds, steady
        self._needed = threading.Event()
        self._lock = threading.Lock()
        self._pid = 0
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Ask for a turn; return at once."""
        if self._needed.is_set() and self._pid == os.getpid():
            return
        if settings.SERVING_REFRESH != "background":
            return
        if not self._runs():
            self._start()
        self._needed.set()

    def _start(self) -> None:
        with self._lock:
            if self._runs():
                return
            self._pid = os.getpid()
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def _runs(self) -> bool:
        return self._pid == os.getpid() and self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self._needed.wait()
            time.sleep(self._seconds)
            if not self._steady:
                self._needed.clear()
            try:
                self._work()
            except (redis.RedisError, Unavailable) as error:
                log.warning("background.waiting name=%s error=%s", self._name, error)
