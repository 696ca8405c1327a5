"""The Redis client of a process, with short timeouts, so that no request waits for a dead store."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha1
from typing import Any, NamedTuple, Protocol

import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
CONFIG_VERSION = "v:config"
"""Counts changes of placements and rules; the read of a shopper returns it."""
CATALOG_VERSION = "v:catalog"
"""Counts changes of the catalog; the read of a shopper returns it."""


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


class Script:
    """A Lua script that the server knows by its hash; its source is sent only where the server lacks it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = sha1(source.encode()).hexdigest()

    def call(self, keys: Sequence[str] = (), arguments: Sequence[Any] = ()) -> "ScriptCall":
        """Return a call, to be run by `run_scripts`."""
        return ScriptCall(self, keys, arguments)

    def run(self, keys: Sequence[str] = (), arguments: Sequence[Any] = ()) -> Any:
        """Run the script and return its answer. Raises redis errors."""
        (answer,) = run_scripts(self.call(keys, arguments))
        return answer


class ScriptCall(NamedTuple):
    """A script with its keys and arguments."""

    script: Script
    keys: Sequence[str]
    arguments: Sequence[Any]


class Companion(Protocol):
    """A call that shares another's round trip, and what becomes of its answer; `settle` may raise."""

    @property
    def call(self) -> ScriptCall:
        """The call."""

    def settle(self, answer: Any) -> None:
        """Take the answer."""


def run_scripts(*calls: ScriptCall, server: redis.Redis | None = None) -> list[Any]:
    """Run scripts in one round trip, and return their answers in order. Raises redis errors.

    They run one after the other, not as one transaction. `server` defaults to `client()`.
    """
    server = server or client()
    if len(calls) == 1:  # a pipeline costs as much again as its command
        return [_run(server, *calls[0])]
    pipe = server.pipeline(transaction=False)
    for script, keys, arguments in calls:
        pipe.evalsha(script.sha, len(keys), *keys, *arguments)
    answers: list[Any] = pipe.execute(raise_on_error=False)
    for at, (call, answer) in enumerate(zip(calls, answers, strict=True)):
        if isinstance(answer, NoScriptError):
            answers[at] = _run(server, *call)
        elif isinstance(answer, Exception):
            raise answer
    return answers


def _run(server: redis.Redis, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    try:
        return server.evalsha(script.sha, len(keys), *keys, *arguments)
    except NoScriptError:
        return server.eval(script.source, len(keys), *keys, *arguments)
