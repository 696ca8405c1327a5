"""One-time tickets: what a key allowed is done once, within seconds, by whoever shows the ticket. Sockets need them,
because a browser sends no headers of its own there, and addresses are logged.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final

import orjson

from access.keys import digest
from common.errors import Unauthenticated
from common.redis import client

SECONDS: Final = 30
PREFIX: Final = "v:ticket:"
"""Begins the key of a ticket in Redis, which holds the ticket's hash alone."""
BEGIN: Final = "vt_"
MOST_CHARACTERS: Final = 100


def issue(purpose: str, content: Mapping[str, Any]) -> str:
    """Return a ticket for this purpose, valid once and for `SECONDS`. Raises redis errors."""
    ticket = BEGIN + secrets.token_urlsafe(32)
    client().set(_name(purpose, ticket), orjson.dumps(content), ex=SECONDS)
    return ticket


def redeem(purpose: str, ticket: str) -> dict[str, Any]:
    """Return the content of the ticket and end it. Raises Unauthenticated, and redis errors."""
    content: Any = client().getdel(_name(purpose, ticket)) if len(ticket) <= MOST_CHARACTERS else None
    if content is None:
        raise Unauthenticated(f"The ticket is unknown, used, or older than {SECONDS} seconds: get another one.")
    fields: dict[str, Any] = orjson.loads(content)
    return fields


def _name(purpose: str, ticket: str) -> str:
    return f"{PREFIX}{purpose}:{digest(ticket).hex()}"
