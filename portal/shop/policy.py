"""The content security policy of the shop's pages: only our own files."""

from collections.abc import Callable
from functools import wraps
from typing import Final

from django.http import HttpRequest, HttpResponse

POLICY: Final = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: https:", "connect-src 'self'",
    "form-action 'self'", "base-uri 'none'", "frame-ancestors 'self'",
))  # fmt: skip
View = Callable[..., HttpResponse]


def own_files_only(view: View) -> View:
    """Add the policy, and a header that keeps pages out of shared caches."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["Content-Security-Policy"] = POLICY
        response["Cache-Control"] = "private, no-store"
        return response

    return guarded
