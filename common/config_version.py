"""Notifies serving processes of changed configuration."""

import logging

import redis
from django.db import transaction

from common.redis import CONFIG_VERSION, client

log = logging.getLogger(__name__)


def announce() -> None:
    """After commit, raise the configuration's version; serving processes reload at their next poll.

    Without Redis nothing is lost, because the processes also compare with the database.
    """
    transaction.on_commit(_raise, robust=True)


def _raise() -> None:
    try:
        client().incr(CONFIG_VERSION)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        log.warning("config.announce_failed error=%s", error)
