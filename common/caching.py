"""No cache keeps an answer that does not say so itself: most answers are about a shopper or for one member of staff."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase


class NoStore:
    """Middleware that adds `Cache-Control` where the view named none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on. An answer with an `ETag` may be kept by its client, if it asks again each time."""
        response = self.get_response(request)
        if "Cache-Control" not in response:
            response["Cache-Control"] = "private, no-cache" if "ETag" in response else "private, no-store"
        return response
