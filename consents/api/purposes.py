"""Door of the purposes: what a preference center asks, in the shop's words, and what holds before an answer."""

from typing import ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.authentication import key_of
from consents import gpc, selectors
from consents.api.decisions import region_here, signal_of
from consents.person import ConsentPerson
from consents.selectors.purposes import current_purposes, newest_policy
from consents.serializers import PurposesSerializer

MOST_LANGUAGE = 10


class PurposesView(APIView):
    """All purposes of the shop."""

    scope: ClassVar[dict[str, str]] = {"GET": "consents:read"}
    publishable = True

    @extend_schema(
        operation_id="consents_purposes",
        parameters=[OpenApiParameter("language", str, description="Of the policy text, where it is published in it.")],
        responses={200: PurposesSerializer},
        tags=["consents"],
    )
    def get(self, request: Request) -> Response:
        """List the current purposes, with what holds for a shopper who decided nothing."""
        live, region = signal_of(request, key_of(request)), region_here(request)
        verdicts = selectors.verdicts(ConsentPerson({}, {}), region=region, gpc=live)
        purposes = [
            {**row, "allowed": verdict.allowed, "reason": verdict.reason}
            for row in current_purposes()
            if (verdict := verdicts.get(row["name"]))
        ]
        body = {
            "purposes": purposes,
            "mode": selectors.rule_of(region).mode,
            "gpc": live,
            "region": region,
            "policy": newest_policy(request.query_params.get("language", "")[:MOST_LANGUAGE]),
        }
        response = Response(PurposesSerializer(body).data)
        response["Cache-Control"] = "private, no-store"
        gpc.vary(response)
        return response
