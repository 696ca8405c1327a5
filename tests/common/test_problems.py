"""Errors as problem documents: from DRF and from plain Django views, and never a 4xx for our own trouble."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from kombu.exceptions import OperationalError as BrokerError
from pytest_django.fixtures import Settings
from rest_framework import exceptions as drf
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common import errors
from common.errors import FieldError
from common.problems import flatten

RAISED: dict[str, Exception] = {}


class Door(APIView):
    """A DRF view that fails as told."""

    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Request) -> Response:
        raise RAISED["now"]

    def post(self, request: Request) -> Response:
        return Response(request.data)


def plain(request: HttpRequest) -> HttpResponse:
    raise RAISED["now"]


urlpatterns = [path("api/door", Door.as_view()), path("v1/plain", plain), path("page", plain)]
pytestmark = [pytest.mark.urls(__name__)]


@pytest.fixture
def caller() -> Iterator[Client]:
    """A client that gets 500 rather than the exception."""
    yield Client(raise_request_exception=False)
    RAISED.clear()


CASES: list[tuple[Exception, int]] = [
    (errors.InvalidInput.of("price", "bad"), 400),
    (errors.Unauthenticated("no"), 401),
    (errors.Forbidden("no"), 403),
    (errors.NotFound("no"), 404),
    (errors.Conflict("no"), 409),
    (errors.TooLarge("no"), 413),
    (errors.Throttled("no", retry_after=7), 429),
    (errors.Unavailable("no", retry_after=3), 503),
    (redis.ConnectionError("down"), 503),
    (redis.TimeoutError("slow"), 503),
    (redis.BusyLoadingError("loading"), 503),
    (redis.OutOfMemoryError("full"), 503),
    (OperationalError("down"), 503),
    (InterfaceError("closed"), 503),
    (BrokerError("down"), 503),
    (Http404("no"), 404),
    (PermissionDenied("no"), 403),
    (SuspiciousOperation("odd"), 400),
    (RequestDataTooBig("big"), 413),
    (DataError("too long"), 400),
    (ValueError("A string literal cannot contain NUL (0x00) characters."), 400),
    (ValueError("a bug"), 500),
]


@pytest.mark.parametrize("url", ["/api/door", "/v1/plain"])
@pytest.mark.parametrize(("error", "status"), CASES, ids=lambda case: getattr(type(case), "__name__", str(case)))
def test_every_error_is_a_problem_document(caller: Client, url: str, error: Exception, status: int) -> None:
    RAISED["now"] = error

    answer = caller.get(url)

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert set(answer.json()) >= {"type", "title", "status", "detail"}
    assert answer.json()["status"] == status
    assert ("Retry-After" in answer.headers) is (status in {429, 503})
    assert ("WWW-Authenticate" in answer.headers) is (status == 401)
    assert "a bug" not in answer.content.decode()


def test_retry_after_is_what_was_said(caller: Client) -> None:
    RAISED["now"] = errors.Throttled("no", retry_after=7)
    assert caller.get("/api/door")["Retry-After"] == "7"

    RAISED["now"] = drf.Throttled(wait=2.5)
    assert caller.get("/api/door")["Retry-After"] == "3"


@pytest.mark.parametrize(
    ("method", "url", "body", "content_type", "status"),
    [
        ("POST", "/api/door", "not json", "application/json", 400),
        ("POST", "/api/door", b"\xff\xfe", "application/json", 400),
        ("POST", "/api/door", '{"a": NaN}', "application/json", 400),
        ("POST", "/api/door", '{"a": 1, "a": 2}', "application/json", 400),
        ("POST", "/api/door", "[" * 200_000, "application/json", 400),
        ("POST", "/api/door", "[" * 100 + "]" * 100, "application/json", 400),
        ("POST", "/api/door", '"' + "a" * 9_000_000 + '"', "application/json", 413),
        ("POST", "/api/door", "<a/>", "application/xml", 415),
        ("DELETE", "/api/door", "", "application/json", 405),
        ("GET", "/api/nowhere", "", "application/json", 404),
        ("GET", "/v1/nowhere", "", "application/json", 404),
    ],
)
def test_what_the_framework_refuses_is_a_problem_too(
    caller: Client, method: str, url: str, body: Any, content_type: str, status: int
) -> None:
    answer = caller.generic(method, url, body, content_type=content_type)

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status
    if status == 405:
        assert answer["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_people_get_pages_and_an_outage_says_when_to_come_back(caller: Client) -> None:
    RAISED["now"] = OperationalError("down")
    answer = caller.get("/page")

    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert b"Please try again in a moment." in answer.content


@pytest.mark.parametrize(
    ("raised", "status", "heading"),
    [
        (Http404(), 404, "Page not found"),
        (BadRequest(), 400, "Bad request"),
        (PermissionDenied(), 403, "No permission"),
        (ZeroDivisionError(), 500, "Something went wrong"),
    ],
)
def test_people_are_told_in_words_and_find_a_way_out(
    caller: Client, raised: Exception, status: int, heading: str
) -> None:
    RAISED["now"] = raised

    answer = caller.get("/page")

    assert answer.status_code == status
    assert f"<h1>{heading}</h1>" in answer.content.decode()
    assert b'<a href="/">' in answer.content


def test_static_files_that_were_not_collected_make_no_other_error_of_it(
    caller: Client, settings: Settings, tmp_path: Path
) -> None:
    manifest = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": manifest}
    settings.STATIC_ROOT = tmp_path
    RAISED["now"] = Http404()

    assert caller.get("/page").status_code == 404
    assert caller.get("/api/nowhere").json()["status"] == 404


def test_people_who_ask_with_a_nul_are_told_that_the_request_is_bad(caller: Client) -> None:
    RAISED["now"] = ValueError("A string literal cannot contain NUL (0x00) characters.")

    answer = caller.get("/page")

    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (400, "text/html")


def test_nested_errors_get_dotted_names() -> None:
    detail = {
        "items": [{}, {"price": ["bad", "worse"]}],
        "non_field_errors": ["whole"],
        "address": {"city": ["missing"], "non_field_errors": ["odd"]},
        "tags": ["not a list"],
    }

    assert list(flatten(detail)) == [
        FieldError("items.1.price", "bad"),
        FieldError("items.1.price", "worse"),
        FieldError("", "whole"),
        FieldError("address.city", "missing"),
        FieldError("address", "odd"),
        FieldError("tags", "not a list"),
    ]


def test_a_validation_error_names_its_fields(caller: Client) -> None:
    RAISED["now"] = serializers.ValidationError({"items": [{"price": ["bad"]}]})

    body = caller.get("/api/door").json()

    assert body["errors"] == [{"field": "items.0.price", "message": "bad"}]
    assert body["detail"] == "items.0.price: bad"


def test_of_very_many_errors_the_first_are_named(caller: Client) -> None:
    RAISED["now"] = serializers.ValidationError({"ids": {str(number): ["bad"] for number in range(1000)}})
    of_the_framework = caller.get("/api/door").json()["errors"]

    RAISED["now"] = errors.InvalidInput("bad", errors=tuple(FieldError(f"ids.{number}", "bad") for number in range(99)))
    of_ours = caller.get("/api/door").json()["errors"]

    assert of_the_framework == of_ours == [{"field": f"ids.{number}", "message": "bad"} for number in range(20)]


def test_what_is_quoted_from_the_input_can_always_be_sent(caller: Client) -> None:
    RAISED["now"] = errors.InvalidInput.of("a\ud800", "bad \udfff")

    answer = caller.get("/api/door")

    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "a?", "message": "bad ?"}]
