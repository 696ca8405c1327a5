"""The event log: the truth about what happened, ordered by raw id. Everything derived from it can be rebuilt."""

from functools import lru_cache

from events.log.base import Batch, Entry, Log, shard_of

__all__ = ["Batch", "Entry", "Log", "get_log", "shard_of"]


def get_log() -> Log:
    """Return the log of the settings."""
    from django.conf import settings

    return _redis_streams(settings.REDIS_URL, settings.EVENT_LOG_SHARDS, settings.EVENT_LOG_MAX_BYTES)


@lru_cache(maxsize=4)
def _redis_streams(url: str, shards: int, max_bytes: int) -> Log:
    from common.redis import connect
    from events.log.redis_streams import RedisStreams

    return RedisStreams(connect(url), shards=shards, max_bytes=max_bytes)
