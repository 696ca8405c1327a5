"""Run the consumers of the log: recorder (PostgreSQL), profiler (Redis), counter of experiments; and the sequencer."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from audit.services import sequencing
from common import installation, redis
from customers.shop_ids import ForeignKeyError, check_key
from events.consumer import STORE_ERRORS, Consumer, Housekeeping, Work, relax_garbage_collection
from events.log import get_log
from events.services.recorder_work import RecorderWork
from events.sweeper import sweep
from profiles.profiler_work import ProfilerWork

WORKS: Final[dict[str, type[Work]]] = {"recorder": RecorderWork, "profiler": ProfilerWork}
COUNTER: Final = "counter"
"""It reads what the recorder wrote, not the log, and has no shards: of several, one counts and the others wait."""
NAMES: Final = (*WORKS, COUNTER)
HOUR_MS: Final = 3_600_000
log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Without --only: one process for each work, restarted when it dies, stopped together on SIGTERM."""

    help = "Run the recorder, the profiler and the counter. Start it as often as you like: they share the shards."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the choice of one work."""
        parser.add_argument("--only", choices=sorted(NAMES), help="Run one work in this very process.")
        parser.add_argument("--parent", type=int, help="Stop when the process of this number is gone.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        stop = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        if options["parent"]:
            threading.Thread(target=follow, args=(options["parent"], stop), daemon=True).start()
        else:
            take_log(stop)
        if options["only"]:
            run(options["only"], stop)
        else:
            supervise(stop)


def follow(parent: int, stop: threading.Event) -> None:
    """Stop with the parent, also when that was killed."""
    while not stop.wait(0.5):
        if os.getppid() != parent:
            stop.set()


def take_log(stop: threading.Event) -> None:
    """Return once the log belongs to this installation, and the key to its database; retry while stores are down.

    Raises CommandError.
    """
    while not stop.is_set():
        try:
            installation.take_for_command("REDIS_URL")
            check_key()
            return
        except ForeignKeyError as error:
            raise CommandError(error.detail) from error
        except STORE_ERRORS as error:
            log.warning("consumer.waits error=%s", error)
            stop.wait(1)
        finally:
            connection.close()


def run(name: str, stop: threading.Event) -> None:
    """Run one work in this process."""
    relax_garbage_collection()
    if name == COUNTER:
        from experiments import counter  # with scipy, which the others need not load

        counter.run(stop)
        return
    source, client = get_log(), redis.client()
    housekeeping = None
    if name == "recorder":
        keep = settings.EVENT_LOG_RETENTION_HOURS * HOUR_MS
        housekeeping = Housekeeping(keep_ms=keep, max_bytes=settings.EVENT_LOG_MAX_BYTES)
        # A thread: while PostgreSQL is away the recorder stands still, and what waits too long must go all the same.
        threading.Thread(target=sweep, args=(stop,), daemon=True).start()
    Consumer(WORKS[name](), source, client, stop, housekeeping).run()


def supervise(stop: threading.Event) -> None:
    """Run each work in a process of its own; start it again when it dies.

    This process, which otherwise waits, sequences the audit log: a further one would take 280 MB.
    """
    sequencer = threading.Thread(target=sequencing.run, args=(stop,), name="audit-sequencer", daemon=True)
    sequencer.start()
    processes = {name: start(name) for name in NAMES}
    while not stop.wait(0.2):
        for name, process in processes.items():
            if process.poll() is not None:
                sys.stderr.write(f"consumer.died work={name} code={process.returncode}\n")
                time.sleep(0.5)
                processes[name] = start(name)
    for process in processes.values():
        process.terminate()
    for process in processes.values():
        process.wait()
    sequencer.join(timeout=10)


def start(name: str) -> "subprocess.Popen[bytes]":
    """Start one work."""
    return subprocess.Popen([sys.executable, sys.argv[0], "consume", "--only", name, "--parent", str(os.getpid())])
