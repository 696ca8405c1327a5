"""The one Redis client of a process, with short timeouts: a request must not wait for a dead store."""

from functools import lru_cache

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
CONFIG_VERSION = "v:config"
"""Counts the changes of placements and rules; the read of a shopper brings it along."""
CATALOG_VERSION = "v:catalog"
"""Counts the changes of the catalog, as that."""


def client() -> redis.Redis:
    """Return the process-wide client of the log and the hot state; it answers in bytes."""
    from django.conf import settings

    return connect(settings.REDIS_URL)


@lru_cache(maxsize=8)
def connect(url: str) -> redis.Redis:
    """Return the pooled client of `url`."""
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        health_check_interval=30,
        # A connection that broke is made anew; a store that hangs is not waited for once more.
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), 2, supported_errors=(redis.ConnectionError,)),
    )
