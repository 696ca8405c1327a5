"""Content-Security-Policy of all pages: browsers load and run only what this server sends."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase

HEADER: Final = "Content-Security-Policy"
PAGES: Final = {
    "default-src": "'self'",
    # Pictures of products may be anywhere.
    "img-src": "'self' data: https: http:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# Unfold's Alpine.js evaluates attributes, and its widgets and our plots set styles.
ADMIN: Final = {
    **PAGES,
    "img-src": f"{PAGES['img-src']} blob:",
    "script-src": "'self' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
}
# Swagger UI sets styles.
DOCS: Final = {**PAGES, "style-src": "'self' 'unsafe-inline'"}
BY_PATH: Final = {"/admin/": ADMIN, "/portal/": ADMIN, "/api/docs": DOCS}
"""Pages of staff outside of the admin have its frame."""


class ContentPolicy:
    """The middleware. It adds the header to every HTML page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on; add the policy of its path."""
        response = self.get_response(request)
        if response.headers.get("Content-Type", "").startswith("text/html") and HEADER not in response.headers:
            policy = next((policy for path, policy in BY_PATH.items() if request.path.startswith(path)), PAGES)
            response.headers[HEADER] = "; ".join(f"{name} {value}" for name, value in policy.items())
        return response
