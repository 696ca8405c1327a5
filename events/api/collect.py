"""The Segment and RudderStack HTTP API: batches, single events, and the one-letter routes of browsers."""

from typing import Any, Final
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.views import APIView

from access.authentication import key_from_request
from common.errors import InvalidInput
from common.problems import ProblemSerializer, domain_error, respond
from consents import gpc
from events.api.reading import (
    admit_key,
    admit_sender,
    count_of,
    envelope_of,
    read_content,
    sender_in_headers,
    sender_of,
)
from events.api.serializers import AcceptedSerializer, BatchSerializer, EventSerializer
from events.dropped_fields import LONGEST_PATH
from events.intake.parse import parse_batch, parse_single
from events.services.collect import Outcome, collect

OPERATIONS: Final = ("GET", "HEAD", "POST")
"""The methods that views answer themselves."""
SET_ASIDE = "Vitrine-Set-Aside"
SET_ASIDE_HEADER = OpenApiParameter(
    SET_ASIDE,
    int,
    OpenApiParameter.HEADER,
    response=[200, 204],
    description="How many events were rejected, if any; the others are accepted.",
)
DROPPED_FIELDS = "Vitrine-Dropped-Fields"
DROPPED_FIELDS_HEADER = OpenApiParameter(
    DROPPED_FIELDS,
    str,
    OpenApiParameter.HEADER,
    response=[200, 204],
    description="Fields of kept events that were dropped because no purpose needs them, by commas, 20 at most.",
)
MOST_NAMED: Final = 20


class CollectView(APIView):
    """Base of the doors that read the body themselves: whatever its type, packed or not, with the key in it or not.

    They answer as plain views: the steps of Django REST framework, which documents them, cost a tenth of an event.
    """

    permission_classes = ()
    throttle_classes = ()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer; errors as problem documents, plus the two members that RudderStack's SDK reads on a failure."""
        operation = getattr(self, (request.method or "").lower(), None) if request.method in OPERATIONS else None
        if operation is None:
            return super().dispatch(request, *args, **kwargs)
        try:
            response: HttpResponse = operation(request, *args, **kwargs)
        except Exception as exception:
            if (error := domain_error(exception)) is None:
                raise
            response = respond(error, code=str(error.status), message=error.detail)
            response["Cache-Control"] = "no-store"
        gpc.vary(response)
        return response


class BatchView(CollectView):
    """Many events at once."""

    @extend_schema(
        parameters=[SET_ASIDE_HEADER, DROPPED_FIELDS_HEADER],
        request=BatchSerializer,
        responses={200: AcceptedSerializer, 413: ProblemSerializer},
        tags=["collect"],
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        """Accept a batch. Items that are not sound are rejected, the others are kept."""
        return accept_batch(request)


class SingleView(CollectView):
    """One event, whose type the route says."""

    kind = "track"

    @extend_schema(
        parameters=[DROPPED_FIELDS_HEADER],
        request=EventSerializer,
        responses={200: AcceptedSerializer, 413: ProblemSerializer},
        tags=["collect"],
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        """Accept one event."""
        return accept_single(request, kind=self.kind)


class MetricsView(CollectView):
    """Browsers' own metrics: nothing of them is kept."""

    authentication_classes = ()

    @extend_schema(operation_id="collect_metrics", request=None, responses={200: AcceptedSerializer}, tags=["collect"])
    def post(self, request: HttpRequest) -> HttpResponse:
        """Accept what SDKs measure of themselves, and ignore it."""
        return success()


def accept_batch(request: HttpRequest) -> HttpResponse:
    """Answer a batch once the log holds it. A key in the headers is checked before the body is read."""
    sender = sender_in_headers(request)
    content = read_content(request)
    body = parse_batch(content.text)
    sender = sender or admit_sender(request, body.rest.get("writeKey"))
    outcome = collect(body.items, sender=sender, envelope=envelope_of(request, content, sender, body.rest))
    return answer(outcome, success())


def answer(outcome: Outcome, response: HttpResponse) -> HttpResponse:
    """Return the response with rejected events and dropped fields in its headers: the body stays Segment's."""
    if outcome.set_aside:
        response[SET_ASIDE] = str(len(outcome.set_aside))
    if outcome.unlisted_fields:
        names = (quote(one[:LONGEST_PATH], safe=".[]") for one in outcome.unlisted_fields[:MOST_NAMED])
        response[DROPPED_FIELDS] = ", ".join(names)
    return response


def accept_single(request: HttpRequest, *, kind: str) -> HttpResponse:
    """Answer one event once the log holds it. It is counted in the round trip that reads consent."""
    raw = key_from_request(request)
    key = admit_key(request, raw) if raw else None
    content = read_content(request)
    item = parse_single(content.text)
    key = key or admit_key(request, item.get("writeKey"))
    sender, count = sender_of(request, key), count_of(request, key)
    envelope = envelope_of(request, content, sender, {})
    try:
        outcome = collect([item], sender=sender, envelope=envelope, kind=kind, prefix="", companion=count)
    except InvalidInput:
        count.run()  # a wrong event counts too
        raise
    return answer(outcome, success())


def success() -> HttpResponse:
    """Return the answer of Segment and RudderStack."""
    return HttpResponse(b'{"success":true}', content_type="application/json")
