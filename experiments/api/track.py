"""GrowthBook's exposure upload."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from access.keys import KeyRecord
from access.selectors import SENDER
from common import clock, strictjson
from common.errors import InvalidInput, TooLarge
from common.problems import ProblemSerializer
from consents import gpc
from consents.region import region_of
from events.intake.items import Envelope
from events.intake.limits import MAX_BODY, MAX_ITEMS
from events.intake.unpack import unpack
from events.services.collect import Sender
from experiments.api.growthbook import REFUSALS
from experiments.api.reading import key_in_address
from experiments.api.serializers import UploadedEventSerializer, UploadedSerializer
from experiments.services.uploads import take_uploads

SCOPE: Final = "events:write"
_KEY = OpenApiParameter("client_key", str, required=True, description="A publishable key.")


class TrackView(APIView):
    """Exposures that SDKs report."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    @extend_schema(
        operation_id="experiment_exposures",
        parameters=[_KEY],
        request=UploadedEventSerializer(many=True),
        responses={200: UploadedSerializer, **dict.fromkeys((400, 413), ProblemSerializer), **REFUSALS},
        tags=["experiments"],
    )
    def post(self, request: Request) -> HttpResponse:
        """Accept what GrowthBook's tracking plugins upload, whatever the type of the body.

        Exposures of shoppers who did not consent to experiments are dropped and counted.
        """
        plain = request._request
        key = key_in_address(plain, plain.GET.get("client_key", ""), scope=SCOPE)
        plain.META[SENDER] = key.actor
        events = _events_in(plain)
        sender = Sender(key=key, gpc=gpc.signaled(plain), region=region_of(plain))
        take_uploads(events, sender=sender, envelope=_envelope(plain, key))
        response = HttpResponse(b'{"success":true}', content_type="application/json")
        response["Cache-Control"] = "no-store"
        return response


def _events_in(request: HttpRequest) -> list[Any]:
    """Return the events of the body. Raises InvalidInput and TooLarge."""
    body = request.read(MAX_BODY + 1)
    try:
        events = strictjson.loads(unpack(body))
    except ValueError as error:
        raise InvalidInput(f"The body is not valid JSON: {error}.") from None
    if not isinstance(events, list) or not events:
        raise InvalidInput("The body must be a list of at least one event.")
    if len(events) > MAX_ITEMS:
        raise TooLarge(f"The body holds more than {MAX_ITEMS} events.")
    return events


def _envelope(request: HttpRequest, key: KeyRecord) -> Envelope:
    agent = request.META.get("HTTP_USER_AGENT")
    return Envelope(
        received_at=clock.epoch_us(),
        source=key.actor,
        context={"userAgent": agent} if agent else {},
        user_hash=request.META.get("HTTP_X_USER_HASH"),
    )
