"""GA4's Measurement Protocol."""

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema

from access.authentication import key_from_request
from common.problems import ProblemSerializer
from events.api.collect import SET_ASIDE_HEADER, CollectView, answer
from events.api.reading import admit_sender, envelope_of, read_content
from events.api.serializers import Ga4Serializer
from events.intake.ga4 import items_of
from events.intake.parse import check_once, parse_single
from events.services.collect import collect

_SECRET = OpenApiParameter("api_secret", str, description="An API key.")
_MEASUREMENT = OpenApiParameter("measurement_id", str, description="Accepted, not used: one installation is one shop.")
_SIGNALS = [
    OpenApiParameter(name, str, description="A consent signal, as the hits of Google's tags carry it.")
    for name in ("gcs", "gcd", "npa")
]


class Ga4View(CollectView):
    """Google Analytics 4 events, translated to ours."""

    authentication_classes = ()

    @extend_schema(
        operation_id="collect_ga4",
        parameters=[_MEASUREMENT, _SECRET, *_SIGNALS, SET_ASIDE_HEADER],
        request=Ga4Serializer,
        responses={204: None, **dict.fromkeys((400, 401, 403, 413, 429, 503), ProblemSerializer)},
        tags=["collect"],
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        """Accept Measurement Protocol events."""
        sender = admit_sender(request, request.GET.get("api_secret") or key_from_request(request))
        content = read_content(request)
        check_once(content.text, "events")
        items = items_of(parse_single(content.text), request.GET.dict())
        outcome = collect(items, sender=sender, envelope=envelope_of(request, content, sender, {}), prefix="events")
        return answer(outcome, HttpResponse(status=204))
