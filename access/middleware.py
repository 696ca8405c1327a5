"""CORS for the storefront's own pages: limited to the key's origins, never with cookies."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from common.problems import is_machine

ALLOW_HEADERS: Final = (
    "authorization, content-type, if-none-match, x-retry-count, x-api-key, x-user-hash, "
    # RudderStack's SDK for browsers, on the first try and on retries.
    "anonymousid, sentat, rsa-recovered, rsa-retry-attempt, rsa-retry-reason, "
    "rsa-since-first-attempt, rsa-since-last-attempt"
)
ALLOW_METHODS: Final = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
EXPOSE_HEADERS: Final = "etag, retry-after, vitrine-set-aside, x-sse-support"


class CorsMiddleware:
    """Answers OPTIONS, and adds the CORS headers to answers on machine paths.

    A preflight carries no key, so any origin is allowed. `access.authentication.admit` checks the origin of the request
    that follows; a foreign page can only read the refusal.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a preflight, or pass on and add the headers."""
        if not is_machine(request):
            return self.get_response(request)
        response = _preflight() if request.method == "OPTIONS" else self.get_response(request)
        origin = request.headers.get("Origin")
        if origin is not None and "Access-Control-Allow-Origin" not in response.headers:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSE_HEADERS
            patch_vary_headers(response, ("Origin",))
        return response


def _preflight() -> HttpResponse:
    headers = {
        "Access-Control-Allow-Methods": ALLOW_METHODS,
        "Access-Control-Allow-Headers": ALLOW_HEADERS,
        "Access-Control-Max-Age": "86400",
        "Allow": ALLOW_METHODS,
    }
    return HttpResponse(status=204, headers=headers)
