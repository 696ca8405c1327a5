"""Rate limits of keys and sign-ins, counted atomically in Redis. While Redis is down nothing is limited."""

import logging
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import redis
from django.conf import settings
from django.http import HttpRequest
from limits import parse
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from access.keys import KeyRecord
from common.cooldown import Cooldown
from common.errors import Throttled
from common.redis import Script, ScriptCall, run_scripts

if TYPE_CHECKING:  # rest_framework.views imports this module while it is loaded
    from rest_framework.views import APIView

PREFIX: Final = "v:limit:"
"""Begins the key of a counter."""
COUNT: Final = Script("""
redis.set_repl(redis.REPL_REPLICA)
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = redis.call('HMGET', KEYS[1], 'start', 'current', 'previous')
local start, current, previous = tonumber(kept[1]), tonumber(kept[2]), tonumber(kept[3])
if not start or now >= start + 2 * window then start, current, previous = now, 0, 0
elseif now >= start + window then start, current, previous = start + window, 0, current end
local past = now - start
local weighted = math.floor(previous * (window - past) / window) + current
if weighted + 1 > limit then
  local wait = window - past
  if current + 1 <= limit and previous > 0 then
    wait = math.min(wait, window - past - math.floor((limit - current) * window / previous) + 1)
  end
  return {0, math.max(wait, 1)}
end
redis.call('HSET', KEYS[1], 'start', start, 'current', current + 1, 'previous', previous)
redis.call('PEXPIRE', KEYS[1], 2 * window)
return {limit - weighted - 1, 0}
""")
"""Counts a request in a sliding window: the present window's requests, and of the one before as large a share as the
sliding window covers. Returns how many are left, and the milliseconds until the next one may come. The count stays out
of the append-only file, whose sync would cost each request more than all else; a restarted server begins at zero."""


class Allowance(NamedTuple):
    """What the limit says of a request: how many more may come, and the seconds to wait where none may."""

    left: int | None = None
    """None where nothing was counted, because Redis is down."""
    wait: float = 0.0


OPEN: Final = Allowance()


@dataclass(slots=True)
class RequestCount:
    """One request to be counted in a round trip with other reads: run `call`, then `settle` its answer.

    Where nothing else is read, `run` makes the trip. While Redis is down nothing is limited.
    """

    call: ScriptCall
    left: int | None = None
    """How many more requests may come; None before the count."""

    @classmethod
    def of(cls, key: KeyRecord, *, client: str) -> Self:
        """Return the count of a request with this key from this address."""
        return cls(request_call(key, client=client))

    def settle(self, answer: Any) -> None:
        """Take the answer of the call. Raises Throttled above the limit."""
        self._settle(allowance(answer))

    def run(self) -> None:
        """Count in a round trip of its own. Raises Throttled above the limit."""
        self._settle(_count(self.call))

    def _settle(self, result: Allowance) -> None:
        self.left = result.left
        if result.wait:
            raise Throttled("Too many requests with this key.", retry_after=math.ceil(result.wait))


LEFT: Final = "vitrine.requests_left"
"""In `request.META`: how many more requests the key's limit allows."""
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
        allowance = count_request(key, client=self.get_ident(request) or "")
        request._request.META[LEFT] = allowance.left
        self.seconds = allowance.wait
        return self.seconds == 0

    def wait(self) -> float:
        """Return the seconds until the next request may come."""
        return self.seconds


def address_of(request: HttpRequest) -> str:
    """Return the client's address from the proxy's header: the connection itself comes from the proxy."""
    return BaseThrottle().get_ident(Request(request)) or ""


def count_request(key: KeyRecord, *, client: str) -> Allowance:
    """Count one request of the key, and return what is left."""
    return _count(request_call(key, client=client))


def request_call(key: KeyRecord, *, client: str) -> ScriptCall:
    """Return the call that counts a request of the key, for a round trip with others; `allowance` reads its answer."""
    who = (str(key.id), client) if key.publishable else (str(key.id),)
    return _call(settings.KEY_RATES[key.kind], *who)


def allowance(answer: Any) -> Allowance:
    """Return what `request_call` counted."""
    left, milliseconds = answer
    return Allowance(left, float(math.ceil(milliseconds / 1000)))


def seconds_to_sign_in(request: HttpRequest) -> float:
    """Count one sign-in try of the address; return 0 within the limit, else the seconds to wait.

    The limit is by address: by name, a stranger could lock the owner of the name out.
    """
    return _count(_call(settings.SIGN_IN_RATE, "sign-in", address_of(request))).wait


def seconds_to_old_password(account: int | None) -> float:
    """Count one try of an account to change its password; return 0 within the limit, else the seconds to wait.

    Whoever holds a stolen session may not guess the password by this form.
    """
    return _count(_call(settings.SIGN_IN_RATE, "old-password", str(account))).wait


def seconds_to_own_data(request: HttpRequest) -> float:
    """Count one request of the address for a shopper's own page; return 0 within the limit, else seconds to wait."""
    return _count(_call(settings.OWN_DATA_RATE, "own-data", address_of(request))).wait


def _call(rate: str, *who: str) -> ScriptCall:
    limit, milliseconds = _limit(rate)
    return COUNT.call([f"{PREFIX}{milliseconds}:{':'.join(who)}"], [limit, milliseconds])


def _count(call: ScriptCall) -> Allowance:
    if cooldown.active():
        return OPEN
    try:
        return allowance(run_scripts(call, server=_quick(settings.REDIS_URL))[0])
    except redis.RedisError as error:
        cooldown.start()
        log.warning("throttle.open error=%s", error)
        return OPEN


@lru_cache(maxsize=16)
def _limit(rate: str) -> tuple[int, int]:
    """Return the requests and the milliseconds of a rate such as 1200/minute."""
    item = parse(rate)
    return item.amount, item.get_expiry() * 1000


@lru_cache(maxsize=4)
def _quick(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=0.25, socket_timeout=0.25, retry=Retry(NoBackoff(), 0))
