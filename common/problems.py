"""Errors as RFC 9457 problem documents, for DRF and for plain Django views alike."""

import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any, Final

import redis
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.views.defaults import bad_request
from kombu.exceptions import OperationalError as BrokerError
from rest_framework import exceptions as drf
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import set_rollback

from common.errors import DomainError, FieldError, Forbidden, InvalidInput, NotFound, TooLarge, Unavailable

CONTENT_TYPE: Final = "application/problem+json"
MOST_ERRORS: Final = 20
"""Maximum of errors in a problem document: a body may hold hundreds of thousands."""
MACHINE_PATHS: Final = ("/api/", "/v1/", "/mp/", "/cdn/", "/graphql", "/ofrep/", "/sub/", "/track")
"""Paths that programs call: their errors are problem documents. People get pages on all others."""
NO_ROUTE: Final = "There is no such route: /api/docs lists them, and none ends with a slash."

log = logging.getLogger(__name__)


class FieldErrorSerializer(serializers.Serializer[Any]):
    """An error of one field."""

    field = serializers.CharField(help_text="Dotted path of the field, empty for the whole body.")
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """A problem document (RFC 9457)."""

    type = serializers.CharField(help_text="Always `about:blank`: `status` and `errors` say it all.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment]  # a field named as a property


def problem(status: int, title: str, detail: str, *, errors: Sequence[FieldError] = ()) -> dict[str, Any]:
    """Return the body of a problem document with the first errors."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": printable(detail)}
    if errors:
        body["errors"] = error_bodies(errors[:MOST_ERRORS])
    return body


def error_bodies(errors: Sequence[FieldError]) -> list[dict[str, str]]:
    """Return field errors as parts of a body."""
    return [{"field": printable(error.field), "message": printable(error.message)} for error in errors]


def printable(text: str) -> str:
    """Return the text encodable as UTF-8: quoted input may hold lone surrogates."""
    return text.encode("utf-8", "replace").decode()


def problem_of(error: DomainError | drf.APIException) -> dict[str, Any]:
    """Return the body of a problem document for an error of ours or of Django REST framework."""
    if isinstance(error, DomainError):
        return problem(error.status, error.title, error.detail, errors=error.errors)
    return _drf_problem(error)


def respond(error: DomainError, **members: str) -> HttpResponse:
    """Return the error as an answer of a plain Django view, with more members of its document."""
    response = HttpResponse(json.dumps(problem_of(error) | members), status=error.status, content_type=CONTENT_TYPE)
    for name, value in _headers(error).items():
        response[name] = value
    return response


def respond_to(error: DomainError | drf.APIException) -> HttpResponse:
    """Return an error of ours or of Django REST framework as an answer of a plain Django view."""
    if isinstance(error, DomainError):
        return respond(error)
    return HttpResponse(
        json.dumps(_drf_problem(error)),
        status=error.status_code,
        content_type=CONTENT_TYPE,
        headers=_drf_headers(error),
    )


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return DRF's answer to an exception; None for a bug, which becomes a 500."""
    error = domain_error(exc)
    if error is not None:
        body, status, headers = problem_of(error), error.status, _headers(error)
    elif isinstance(exc, drf.APIException):
        body, status, headers = _drf_problem(exc), exc.status_code, _drf_headers(exc)
    else:
        return None
    set_rollback()
    response = Response(body, status=status, headers=headers, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    return response


def domain_error(exc: BaseException) -> DomainError | None:
    """Return the client's error for an exception of a framework or a store; None for a bug."""
    match exc:
        case DomainError():
            return exc
        case redis.ConnectionError() | redis.TimeoutError() | redis.OutOfMemoryError() | redis.ReadOnlyError():
            log.warning("store.down kind=redis error=%s", exc)
            return Unavailable("The event store is not reachable.")
        case BrokerError():
            log.warning("store.down kind=broker error=%s", exc)
            return Unavailable("The job queue is not reachable.")
        case OperationalError() | InterfaceError():
            log.warning("store.down kind=postgres error=%s", exc)
            return Unavailable("The database is not reachable.")
        case Http404():
            return NotFound(str(exc) or "Nothing is here.")
        case PermissionDenied():
            return Forbidden(str(exc) or "This is not allowed.")
        case RequestDataTooBig():
            return TooLarge("The body is too large.")
        case SuspiciousOperation() | BadRequest():
            return InvalidInput(str(exc) or "The request is malformed.")
        case DataError():
            return InvalidInput("A value does not fit its field.")
        case ValueError() if "NUL (0x00)" in str(exc):
            return InvalidInput("A value holds a NUL character.")
    return None


class ProblemMiddleware:
    """Answers errors of plain Django views: problem documents on machine paths, and 503 everywhere during an outage."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on; turn an error page into a problem document."""
        response = self.get_response(request)
        if response.status_code < 400 or not is_machine(request):
            return response
        if response.get("Content-Type", "").startswith("text/html"):
            return _page_to_problem(response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the answer to an exception of a view."""
        error = domain_error(exception)
        if error is None:
            return None
        if isinstance(error, Unavailable):
            return outage(request, error)
        if is_machine(request):
            return respond(error)
        # Django knows all other errors, but not the NUL that PostgreSQL refuses.
        return bad_request(request, exception) if isinstance(exception, ValueError) else None


def is_machine(request: HttpRequest) -> bool:
    """Return whether programs call this path."""
    return request.path.startswith(MACHINE_PATHS)


def error_page(status: HTTPStatus, title: str, detail: str, *, retry_after: float) -> HttpResponse:
    """Return an error page for people, with `Retry-After`."""
    headers = {"Retry-After": str(math.ceil(retry_after))}
    return HttpResponse(
        render_to_string("error.html", {"title": title, "detail": detail}), status=status, headers=headers
    )


def outage(request: HttpRequest, error: Unavailable) -> HttpResponse:
    """Return the answer to a request that cannot be served now: a problem document or a page."""
    if is_machine(request):
        return respond(error)
    detail = f"{error.detail} Please try again in a moment."
    return error_page(HTTPStatus.SERVICE_UNAVAILABLE, "One moment, please", detail, retry_after=error.retry_after)


def _page_to_problem(page: HttpResponseBase) -> HttpResponse:
    status = HTTPStatus(page.status_code)
    lost = status == HTTPStatus.NOT_FOUND
    body = problem(status.value, status.phrase, NO_ROUTE if lost else status.description or status.phrase)
    response = HttpResponse(json.dumps(body), status=status.value, content_type=CONTENT_TYPE)
    for name in ("Allow", "Retry-After"):
        if name in page.headers:
            response[name] = page.headers[name]
    return response


def _headers(error: DomainError) -> dict[str, str]:
    headers: dict[str, str] = {}
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="vitrine"'
    return headers


def _drf_headers(exc: drf.APIException) -> dict[str, str]:
    headers: dict[str, str] = {}
    if isinstance(exc, drf.Throttled):
        headers["Retry-After"] = str(math.ceil(getattr(exc, "wait", None) or 1))
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    return headers


def _drf_problem(exc: drf.APIException) -> dict[str, Any]:
    title = HTTPStatus(exc.status_code).phrase
    if isinstance(exc, drf.ValidationError):
        errors = list(islice(flatten(exc.detail), MOST_ERRORS))
        return problem(exc.status_code, "Invalid input", str(errors[0]) if errors else "invalid", errors=errors)
    hint = " Send JSON, as Content-Type: application/json." if isinstance(exc, drf.UnsupportedMediaType) else ""
    return problem(exc.status_code, title, f"{exc.detail}{hint}")


def flatten(detail: Any, path: str = "") -> Iterator[FieldError]:
    """Yield DRF's nested errors with dotted field names: `items.3.price`."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from flatten(inner, path if name == "non_field_errors" else _join(path, name))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            yield from flatten(inner, _join(path, index) if isinstance(inner, Mapping | list) else path)
    else:
        yield FieldError(path, str(detail))


def _join(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)
