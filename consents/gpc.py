"""Global Privacy Control: a browser's standing refusal. Only the header `Sec-GPC: 1`, exactly, is the signal."""

from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

VARY: Final = "Sec-GPC"


def signaled(request: HttpRequest) -> bool:
    """Return whether the request carries the signal."""
    return request.META.get("HTTP_SEC_GPC") == "1"


def vary(response: HttpResponseBase) -> None:
    """Say that the answer depends on the signal."""
    patch_vary_headers(response, [VARY])
