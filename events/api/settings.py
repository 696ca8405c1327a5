"""Where `analytics.js` learns the address to send to."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from access.authentication import admit
from common.problems import ProblemSerializer
from events.api.collect import CollectView
from events.api.serializers import SettingsSerializer


class SettingsView(CollectView):
    """Settings of one key."""

    authentication_classes = ()

    @extend_schema(
        operation_id="collect_settings",
        responses={200: SettingsSerializer, **dict.fromkeys((401, 403, 503), ProblemSerializer)},
        tags=["collect"],
    )
    def get(self, request: Request, key: str) -> Response:
        """Say where the browser sends its events."""
        admit(key, origin=request.META.get("HTTP_ORIGIN"))
        host = f"{request.get_host()}/v1"
        integration = {"apiKey": key, "apiHost": host, "protocol": request.scheme}
        return Response({"integrations": {"Segment.io": integration}})
