"""The Redis client of a process, with short timeouts, so that no request waits for a dead store."""

from functools import lru_cache

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
CONFIG_VERSION = "v:config"
"""Counts changes of placements and rules; the read of a shopper returns it."""
CATALOG_VERSION = "v:catalog"
"""Counts changes of the catalogue; the read of a shopper returns it."""


def client() -> redis.Redis:
    """Return the process-wide client of the log and the live state; its answers are bytes."""
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
        # A broken connection is replaced, but a hanging store is not waited for a second time.
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), 2, supported_errors=(redis.ConnectionError,)),
    )
