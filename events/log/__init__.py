"""The event log: the truth about what happened, ordered by raw id. Everything derived from it can be rebuilt."""

from functools import lru_cache
from typing import TYPE_CHECKING

from events.log.base import Batch, Entry, Log, shard_of

if TYPE_CHECKING:
    from events.log.redis_streams import RedisStreams
    from events.log.waiting_room import WaitingRoom

__all__ = ["Batch", "Entry", "Log", "get_log", "get_waiting_room", "shard_of"]


def get_log() -> Log:
    """Return the log of the settings."""
    return _log_of_settings()


def get_waiting_room() -> "WaitingRoom":
    """Return the waiting room of the settings, beside the log."""
    from django.conf import settings

    return _waiting_room(_log_of_settings(), settings.CONSENT_WAIT_MAX_BYTES)


def _log_of_settings() -> "RedisStreams":
    from django.conf import settings

    return _redis_streams(settings.REDIS_URL, settings.EVENT_LOG_SHARDS, settings.EVENT_LOG_MAX_BYTES)


@lru_cache(maxsize=4)
def _redis_streams(url: str, shards: int, max_bytes: int) -> "RedisStreams":
    from common.redis import connect
    from events.log.redis_streams import RedisStreams

    return RedisStreams(connect(url), shards=shards, max_bytes=max_bytes)


@lru_cache(maxsize=4)
def _waiting_room(log: "RedisStreams", max_bytes: int) -> "WaitingRoom":
    from events.log.waiting_room import WaitingRoom

    return WaitingRoom(log.client, log, max_bytes=max_bytes)
