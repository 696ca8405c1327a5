"""Doors of consent: read and change a subject's decisions; say that Global Privacy Control is honored."""

from typing import Any, ClassVar, Final

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.authentication import key_of
from access.identity import verify_user_hash
from access.keys import KeyRecord
from common.errors import Forbidden
from common.problems import ProblemSerializer
from common.pseudonyms import subject_pseudonym
from consents import gpc, selectors, services
from consents.region import region_of
from consents.serializers import DecisionsSerializer, StateSerializer, verdict_body
from consents.state import GPC
from consents.subjects import parse_subject
from customers.shop_ids import keep_ids, newly_sealed

SUBJECT = OpenApiParameter("subject", str, OpenApiParameter.PATH, description="`user:ID`, `anonymous:ID`, or a user.")
HASH = OpenApiParameter("user_hash", str, description="HMAC of the user id, needed with a publishable key.")
DECIDED: Final = {
    "decisions": {"analytics": True, "personalization": True, "train_models": True, "experiments": False},
    "source": "banner",
}
GPC_DECLARED = "2025-01-01"
"""Since when the signal is honored, as `/.well-known/gpc.json` must say."""


class ConsentView(APIView):
    """A subject's decisions with their proof."""

    scope: ClassVar[dict[str, str]] = {"GET": "consents:read", "PUT": "consents:write"}
    publishable = True

    @extend_schema(
        operation_id="consents_read",
        parameters=[SUBJECT, HASH],
        responses={200: StateSerializer},
        tags=["consents"],
    )
    def get(self, request: Request, subject: str) -> Response:
        """Say what the subject decided on each purpose, and what follows from it here and now."""
        raw_id = parse_subject(subject)
        check_identity(request, raw_id, user_hash=request.query_params.get("user_hash", ""))
        return _state(request, subject_pseudonym(raw_id))

    @extend_schema(
        operation_id="consents_write",
        parameters=[SUBJECT],
        request=DecisionsSerializer,
        responses={200: StateSerializer, 413: ProblemSerializer, 415: ProblemSerializer},
        examples=[OpenApiExample("A banner's answer", value=DECIDED, request_only=True)],
        tags=["consents"],
    )
    def put(self, request: Request, subject: str) -> Response:
        """Take the subject's decisions; purposes that are not named stay as they are. Holds from this answer on."""
        raw_id = parse_subject(subject)
        body = DecisionsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        taken = body.validated_data
        key = check_identity(request, raw_id, user_hash=taken["user_hash"])
        known_as = subject_pseudonym(raw_id)
        keep_ids(newly_sealed([raw_id.partition(":")[2]]))
        services.decide_for(
            known_as,
            decisions=taken["decisions"],
            actor=key.actor,
            source=taken["source"],
            policy_version=taken["policy_version"],
            region=region_here(request),
            gpc=signal_of(request, key),
        )
        return _state(request, known_as)


def check_identity(request: Request, raw_id: str, *, user_hash: str) -> KeyRecord:
    """Return the key, once it may speak for the subject: a browser proves a user id, an anonymous id is its own."""
    key = key_of(request)
    kind, _, user_id = raw_id.partition(":")
    if key.publishable and kind == "user":
        given = user_hash or request.META.get("HTTP_X_USER_HASH", "")
        if not verify_user_hash(key, user_id=user_id, user_hash=given):
            raise Forbidden("A browser needs the user_hash of this user id.")
    return key


def _state(request: Request, raw_id: str) -> Response:
    key = key_of(request)
    whom, live, region = selectors.person(raw_id), signal_of(request, key), region_here(request)
    verdicts = selectors.verdicts(whom, region=region, gpc=live)
    body: dict[str, Any] = {
        "decisions": {name: verdict_body(verdict) for name, verdict in verdicts.items()},
        "epoch": whom.epoch,
        "gpc": live or whom.remembers(GPC),
        "region": region or whom.region,
    }
    response = Response(StateSerializer(body).data)
    response["Cache-Control"] = "private, no-store"
    gpc.vary(response)
    return response


def region_here(request: Request) -> str | None:
    """Return the region of the shopper's own browser; a server's address is not the shopper's."""
    return region_of(request._request) if key_of(request).publishable else None


def signal_of(request: Request, key: KeyRecord) -> bool:
    """Return whether the shopper's own browser sent the signal; a server's header is not the shopper's."""
    return key.publishable and gpc.signaled(request._request)


@require_safe
def gpc_support(request: HttpRequest) -> JsonResponse:
    """Say that Global Privacy Control is honored (the specification's well-known resource)."""
    response = JsonResponse({"gpc": True, "lastUpdate": GPC_DECLARED})
    response["Access-Control-Allow-Origin"] = "*"
    return response
