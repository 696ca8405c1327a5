"""Work as a training is: it takes much memory for a while, and leaves some of it with the process."""

import os

from celery import shared_task

from common import redis

BYTES = 600 << 20
SEEN = "test:workers"


@shared_task(name="tests.hungry", acks_late=True, reject_on_worker_lost=True)  # type: ignore[untyped-decorator]
def hungry(bytes_taken: int) -> None:
    """Take so much, leave it to Python, and tell which process did so."""
    taken = b"\1" * bytes_taken  # zeros would take no memory
    redis.client().rpush(SEEN, str(os.getpid()), len(taken))
