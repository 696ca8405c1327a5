"""The Segment and RudderStack HTTP API: batches, single events, and the one-letter routes of browsers."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.problems import ProblemSerializer
from consents import gpc
from events.api.reading import admit_sender, envelope_of, read_content, sender_in_headers
from events.api.serializers import AcceptedSerializer, BatchSerializer, EventSerializer
from events.intake.parse import parse_batch, parse_single
from events.services.collect import Outcome, collect

SET_ASIDE = "Vitrine-Set-Aside"
SET_ASIDE_HEADER = OpenApiParameter(
    SET_ASIDE,
    int,
    OpenApiParameter.HEADER,
    response=[200, 204],
    description="How many events were rejected, if any; the others are accepted.",
)

EXAMPLE = OpenApiExample(
    "Product Viewed",
    value={
        "anonymousId": "a1",
        "event": "Product Viewed",
        "properties": {"product_id": "P123"},
        "context": {"consent": {"categoryPreferences": {"analytics": True, "personalization": True}}},
    },
    request_only=True,
)


class CollectView(APIView):
    """Base of the doors that read the body themselves: whatever its type, packed or not, with the key in it or not."""

    permission_classes = ()
    throttle_classes = ()

    def perform_authentication(self, request: Request) -> None:
        """Do nothing yet: the key may stand in the body."""

    def handle_exception(self, exc: Exception) -> Any:
        """Answer with a problem document, plus the two members that RudderStack's SDK reads on a failure."""
        response = super().handle_exception(exc)
        if isinstance(response.data, dict):
            response.data |= {"code": str(response.status_code), "message": response.data.get("detail", "")}
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add `Vary`, because the answer depends on the browser's privacy signal."""
        gpc.vary(response)
        return super().finalize_response(request, response, *args, **kwargs)


class BatchView(CollectView):
    """Many events at once."""

    @extend_schema(
        parameters=[SET_ASIDE_HEADER],
        request=BatchSerializer,
        responses={200: AcceptedSerializer, 413: ProblemSerializer},
        tags=["collect"],
    )
    def post(self, request: Request) -> Response:
        """Accept a batch. Items that are not sound are set aside, the others are kept."""
        return accept_batch(request)


class SingleView(CollectView):
    """One event, whose type the route says."""

    kind = "track"

    @extend_schema(
        request=EventSerializer,
        responses={200: AcceptedSerializer, 413: ProblemSerializer},
        examples=[EXAMPLE],
        tags=["collect"],
    )
    def post(self, request: Request) -> Response:
        """Accept one event."""
        return accept_single(request, kind=self.kind)


class MetricsView(CollectView):
    """Browsers' own metrics: nothing of them is kept."""

    authentication_classes = ()

    @extend_schema(operation_id="collect_metrics", request=None, responses={200: AcceptedSerializer}, tags=["collect"])
    def post(self, request: Request) -> Response:
        """Accept and ignore."""
        return Response({"success": True})


def accept_batch(request: Request) -> Response:
    """Answer a batch once the log holds it. A key in the headers is checked before the body is read."""
    sender = sender_in_headers(request)
    content = read_content(request)
    body = parse_batch(content.text)
    sender = sender or admit_sender(request, body.rest.get("writeKey"))
    outcome = collect(body.items, sender=sender, envelope=envelope_of(request, content, sender, body.rest))
    return answer(outcome, Response({"success": True}))


def answer(outcome: Outcome, response: Response) -> Response:
    """Return the response with the number of rejected events in its header: the body stays Segment's."""
    if outcome.set_aside:
        response[SET_ASIDE] = str(len(outcome.set_aside))
    return response


def accept_single(request: Request, *, kind: str) -> Response:
    """Answer one event once the log holds it."""
    sender = sender_in_headers(request)
    content = read_content(request)
    item = parse_single(content.text)
    sender = sender or admit_sender(request, item.get("writeKey"))
    collect([item], sender=sender, envelope=envelope_of(request, content, sender, {}), kind=kind, prefix="")
    return Response({"success": True})
