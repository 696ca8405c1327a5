"""From a refused request to a line of the event stream: which key, which route, why; never a body, a path or a key."""

import re
from typing import Any, Final

import orjson
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from access.authentication import key_from_request
from access.selectors import SENDER, label_of
from common.problems import CONTENT_TYPE, is_machine
from events.stream.refusals import Refusal
from events.stream.tail import tail

NOTED: Final = frozenset({400, 401, 403, 404, 405, 408, 413, 415, 429})
NO_ROUTE: Final = "unknown"
HARMLESS_PATH: Final = re.compile(r"/(?:api/v1|v1|mp|cdn)/[a-z-]{1,24}/?")
"""Wrong paths that are shown: a longer one may hold an id or a key."""
MAX_PROBLEM: Final = 16_384


def note_refusal(request: HttpRequest, response: HttpResponseBase, *, route: str) -> None:
    """Note the request if a program sent it. A 404 counts only where there is no such route."""
    if not is_machine(request) or (response.status_code == 404 and route != NO_ROUTE):
        return
    wrong_path = route == NO_ROUTE and HARMLESS_PATH.fullmatch(request.path)
    refusal = Refusal.of(
        source=_sender(request),
        status=response.status_code,
        route=request.path if wrong_path else f"/{route}",
        problem=_problem(response),
        origin=request.META.get("HTTP_ORIGIN", ""),
    )
    method = request.method or ""
    tail.note_refusal(refusal, method=method if method.isalpha() and len(method) < 8 else "other")


def _sender(request: HttpRequest) -> str:
    label = request.META.get(SENDER)
    if label is None and (raw := key_from_request(request)):
        label = label_of(raw)
    return label or "no key"


def _problem(response: HttpResponseBase) -> str:
    """Return the detail of a problem document."""
    body: Any = getattr(response, "data", None)
    content: bytes = b"" if response.streaming else getattr(response, "content", b"")
    if body is None and response.get("Content-Type", "").startswith(CONTENT_TYPE) and len(content) <= MAX_PROBLEM:
        body = orjson.loads(content)
    detail = body.get("detail") if isinstance(body, dict) else None
    return detail if isinstance(detail, str) else response.reason_phrase
