"""Rate limits of keys and sign-ins, counted atomically in Redis. While Redis is down nothing is limited."""

import logging
import math
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from access.keys import KeyRecord
from common.cooldown import Cooldown

if TYPE_CHECKING:  # rest_framework.views imports this module while it is loaded
    from rest_framework.views import APIView

log = logging.getLogger(__name__)
cooldown = Cooldown(1.0)


class KeyThrottle(BaseThrottle):
    """DRF throttle: a secret key has one limit, a publishable key one for each client address."""

    seconds: float = 0.0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Count the request; return whether it is within the limit."""
        key = request.auth
        if not isinstance(key, KeyRecord):
            return True
        self.seconds = seconds_to_wait(key, client=self.get_ident(request))
        return self.seconds == 0

    def wait(self) -> float:
        """Return the seconds until the next request may come."""
        return self.seconds


def address_of(request: HttpRequest) -> str:
    """Return the client's address from the proxy's header: the connection itself comes from the proxy."""
    return BaseThrottle().get_ident(Request(request)) or ""


def seconds_to_wait(key: KeyRecord, *, client: str) -> float:
    """Count one request of the key; return 0 within the limit, else the seconds to wait."""
    who = (str(key.id), client) if key.publishable else (str(key.id),)
    return _hit(settings.KEY_RATES[key.kind], *who)


def seconds_to_sign_in(request: HttpRequest) -> float:
    """Count one sign-in try of the address; return 0 within the limit, else the seconds to wait.

    The limit is by address: by name, a stranger could lock the owner of the name out.
    """
    return _hit(settings.SIGN_IN_RATE, "sign-in", address_of(request))


def _hit(rate: str, *who: str) -> float:
    if cooldown.active():
        return 0.0
    item = _allowance(rate)
    try:
        limiter = _limiter(settings.REDIS_URL)
        if limiter.hit(item, *who):
            return 0.0
        return max(1.0, math.ceil(limiter.get_window_stats(item, *who).reset_time - time.time()))
    except StorageError as error:
        cooldown.start()
        log.warning("throttle.open error=%s", error.storage_error)
        return 0.0


@lru_cache(maxsize=16)
def _allowance(rate: str) -> RateLimitItem:
    return parse(rate)


@lru_cache(maxsize=4)
def _limiter(url: str) -> SlidingWindowCounterRateLimiter:
    quick: dict[str, Any] = {"socket_connect_timeout": 0.25, "socket_timeout": 0.25, "retry": Retry(NoBackoff(), 0)}
    storage = storage_from_string(url, wrap_exceptions=True, key_prefix="v:limit", **quick)
    return SlidingWindowCounterRateLimiter(storage)
