"""Doors of privacy requests: the shop's server or a shopper's browser brings one in, and reads how far it is."""

from typing import Any, ClassVar, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.authentication import key_of
from common.problems import ProblemSerializer
from common.pseudonyms import subject_pseudonym
from consents.api.decisions import check_identity
from consents.deadlines import end_of
from consents.models import IdentityMethod, Kind, PrivacyRequest, Regime
from consents.services import requests
from consents.subjects import is_user, parse_subject

EXAMPLE: Final = {"subject": "user:U1", "kind": "erasure", "regime": "gdpr", "contact": "ada@example.com"}


class AnyValueField(serializers.JSONField):
    """A value of an attribute: text, number, yes or no, or null to remove it."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the value. Raises ValidationError for lists and objects."""
        if isinstance(data, list | dict):
            raise serializers.ValidationError("Must be a text, a number, true, false or null.")
        return super().to_internal_value(data)


class PrivacyRequestSerializer(serializers.Serializer[Any]):
    """Body of a POST."""

    subject = serializers.CharField(max_length=600, help_text="`user:ID`, `anonymous:ID`, or a user.")
    kind = serializers.ChoiceField(choices=Kind.choices)
    regime = serializers.ChoiceField(choices=Regime.choices, default="gdpr", help_text="The law whose deadlines count.")
    contact = serializers.CharField(
        required=False, allow_blank=True, max_length=320, default="", help_text="Where the shopper gets the answer."
    )
    corrections = serializers.DictField(
        child=AnyValueField(allow_null=True), required=False, default=dict, help_text="Rectification: the right values."
    )
    purposes = serializers.ListField(
        child=serializers.CharField(max_length=40),
        required=False,
        default=list,
        help_text="Objection: to what. Or all.",
    )
    user_hash = serializers.CharField(
        required=False, allow_blank=True, max_length=128, default="", help_text="HMAC of the user id, for a browser."
    )


class TakenSerializer(serializers.Serializer[Any]):
    """What is told about a request: nothing in it depends on whether the subject is known."""

    id = serializers.UUIDField()
    status = serializers.CharField()
    due_at = serializers.DateTimeField(help_text="The end of the last day.")


class RequestStateSerializer(TakenSerializer):
    """How far a request is, for the shop's server."""

    kind = serializers.CharField()
    regime = serializers.CharField()
    received_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    failed_stores = serializers.ListField(child=serializers.CharField())
    receipt = serializers.DictField(allow_null=True, help_text="Fields and counts by store; null while it is open.")


class PrivacyRequestsView(APIView):
    """Where privacy requests come in."""

    scope = "privacy:write"
    publishable = True

    @extend_schema(
        operation_id="privacy_requests_create",
        request=PrivacyRequestSerializer,
        responses={202: TakenSerializer, 413: ProblemSerializer, 415: ProblemSerializer},
        examples=[OpenApiExample("Erasure", value=EXAMPLE, request_only=True)],
        tags=["privacy"],
    )
    def post(self, request: Request) -> Response:
        """Take a request in. The answer is the same whether or not the subject is known."""
        body = PrivacyRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        fields = dict(body.validated_data)
        subject = parse_subject(fields.pop("subject"))
        proof = _proof(request, subject, fields.pop("user_hash"))
        row = requests.open_request(subject_pseudonym(subject), actor=key_of(request).actor, proof=proof, **fields)
        return _private(Response(TakenSerializer(_body(row)).data, status=202))


class PrivacyRequestView(APIView):
    """One privacy request."""

    scope: ClassVar[dict[str, str]] = {"GET": "privacy:write"}

    @extend_schema(
        operation_id="privacy_requests_read",
        responses={404: ProblemSerializer, 200: RequestStateSerializer},
        tags=["privacy"],
    )
    def get(self, request: Request, request_id: UUID) -> Response:
        """Say how far a request is; a closed one has its receipt, which names no id."""
        row = requests.request_or_404(request_id)
        failed = [step.store for step in row.steps.all() if step.state == "failed"]
        body = {**_body(row), "kind": row.kind, "regime": row.regime, "received_at": row.received_at}
        body |= {"closed_at": row.closed_at, "failed_stores": failed, "receipt": row.receipt}
        return _private(Response(RequestStateSerializer(body).data))


def _proof(request: Request, subject: str, user_hash: str) -> IdentityMethod | None:
    """Return how the request proves who asks. A server only says so: its form may be filled in by anybody.

    Raises Forbidden for a browser without the proof.
    """
    key = check_identity(request, subject, user_hash=user_hash)
    if not key.publishable:
        return None
    return IdentityMethod.LOGIN if is_user(subject) else IdentityMethod.DEVICE


def _body(row: PrivacyRequest) -> dict[str, Any]:
    return {"id": row.pk, "status": row.status, "due_at": end_of(row.due_on, row.regime)}


def _private(response: Response) -> Response:
    response["Cache-Control"] = "private, no-store"
    return response
