"""How long a request waited for a worker, and the refusal of those that waited too long."""

import time
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from common.errors import Unavailable
from common.problems import outage

HEADER: Final = "HTTP_X_REQUEST_START"
"""The proxy writes the moment of its receipt, in milliseconds since the epoch, and overwrites a client's."""
LONGEST: Final = 60_000.0
"""What is older was written by another clock."""
WORD_OF_SHOPPERS: Final = ("/v1/", "/mp/", "/api/v1/consents/")
"""Paths of events and decisions: a browser that leaves its page sends them once, so that a refusal would lose them."""


def waited_ms(request: HttpRequest) -> float:
    """Return the milliseconds since the proxy received the request; 0 without a proxy that says so."""
    try:
        waited = time.time() * 1000 - float(request.META.get(HEADER, ""))
    except ValueError:
        return 0.0
    return waited if 0 < waited < LONGEST else 0.0


class QueueLimit:
    """Middleware that refuses what waited too long for a worker: under overload the others are then served in time.

    Events and decisions of shoppers are taken however late they are.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on, or answer 503 with `Retry-After`."""
        is_word = request.method != "GET" and request.path.startswith(WORD_OF_SHOPPERS)
        if not is_word and waited_ms(request) > settings.SERVING_MOST_WAIT_MILLISECONDS:
            return outage(request, Unavailable("Too many requests at once; try again soon.", retry_after=1))
        return self.get_response(request)
