"""The settings endpoint of `analytics.js`, which tells it where to send events."""

from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema

from access.authentication import admit
from access.keys import masked
from common.errors import Forbidden
from common.problems import ProblemSerializer
from events.api.collect import CollectView
from events.api.reading import count_of
from events.api.serializers import SettingsSerializer


class SettingsView(CollectView):
    """Settings of one key."""

    authentication_classes = ()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Mask the key before anything is refused, because the log of refusals holds the path."""
        request.path = masked(request.path)
        return super().dispatch(request, *args, **kwargs)

    @extend_schema(
        operation_id="collect_settings",
        responses={200: SettingsSerializer, **dict.fromkeys((401, 403, 429, 503), ProblemSerializer)},
        tags=["collect"],
    )
    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        """Say where the browser sends its events. A secret key has no place in an address, which logs keep."""
        record = admit(key, origin=request.META.get("HTTP_ORIGIN"))
        if not record.publishable:
            raise Forbidden("A secret key may not stand in an address: rotate it, for logs may hold it.")
        count_of(request, record).run()
        host = f"{request.get_host()}/v1"
        integration = {"apiKey": key, "apiHost": host, "protocol": request.scheme}
        return HttpResponse(
            orjson.dumps({"integrations": {"Segment.io": integration}}), content_type="application/json"
        )
