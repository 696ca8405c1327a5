"""Tells open sockets whose profile or consent changed, by publish/subscribe in Redis.

A message is a hint: who hears it reads the subject anew. Who was not connected missed it, and reads everybody anew.
"""

from collections.abc import Collection
from typing import Any, Final

import orjson

from common.redis import client

PROFILE: Final = "v:changed:profile"
"""Begins the channel of changed profiles; a message is a JSON list of raw ids."""
CONSENT: Final = "v:changed:consent"
"""Begins the channel of changed consents; a message is one raw id."""


def channel(name: str) -> str:
    """Return the channel of this installation: channels are shared by all databases of a server."""
    return f"{name}:{client().connection_pool.connection_kwargs.get('db', 0)}"


def publish_profiles(pipe: Any, raw_ids: Collection[str]) -> None:
    """Queue one message for all these raw ids, behind the writes that changed them."""
    if raw_ids:
        pipe.publish(channel(PROFILE), orjson.dumps(list(raw_ids)))


def changed_ids(name: str, message: bytes) -> list[str]:
    """Return the raw ids that a message of a channel names."""
    if name == channel(CONSENT):
        return [message.decode()]
    raw_ids: list[str] = orjson.loads(message)
    return raw_ids
