"""Telling the serving processes that what they hold is old."""

import logging

import redis
from django.db import transaction

from common.redis import CONFIG_VERSION, client

log = logging.getLogger(__name__)


def announce() -> None:
    """After commit, raise the configuration's version; serving processes reload within their next poll.

    Where Redis is down nothing is lost: the processes also compare with the database.
    """
    transaction.on_commit(_raise, robust=True)


def _raise() -> None:
    try:
        client().incr(CONFIG_VERSION)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        log.warning("config.announce_failed error=%s", error)
