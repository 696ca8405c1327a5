"""REST API of customer profiles, for the shop's own server."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common import clock
from common.problems import ProblemSerializer
from consents.subjects import parse_subject
from profiles.customer_profile import OF_NEWEST, customer_profile


class SegmentSerializer(serializers.Serializer[Any]):
    """One segment a customer is in."""

    key = serializers.CharField()
    name = serializers.CharField()
    since = serializers.DateTimeField()


class CustomerSerializer(serializers.Serializer[Any]):
    """One customer: all ids, what was folded from behavior, and what was said."""

    user_ids = serializers.ListField(child=serializers.CharField())
    anonymous_ids = serializers.ListField(child=serializers.CharField())
    traits = serializers.DictField(
        child=serializers.JSONField(), help_text=f"Only traits that have a value. {OF_NEWEST}"
    )
    segments = SegmentSerializer(many=True)
    attributes = serializers.DictField(child=serializers.JSONField(), help_text="Per name the value said last.")


class SegmentsSerializer(serializers.Serializer[Any]):
    """The segments of one customer."""

    segments = SegmentSerializer(many=True)


class CustomerView(APIView):
    """One customer."""

    scope: ClassVar = {"GET": "customers:read"}

    @extend_schema(
        operation_id="customer_read", responses={200: CustomerSerializer, 404: ProblemSerializer}, tags=["customers"]
    )
    def get(self, request: Request, customer_id: str) -> Response:
        """Return the customer. The id is `user:ID` or `anonymous:ID`; a bare id is a user."""
        profile = customer_profile(parse_subject(customer_id), now=clock.now())
        return Response(
            {
                "user_ids": list(profile.identity.user_ids),
                "anonymous_ids": list(profile.identity.anonymous_ids),
                "traits": profile.traits,
                "segments": [],
                "attributes": dict(profile.identity.attributes),
            }
        )


class CustomerSegmentsView(APIView):
    """The segments of one customer."""

    scope: ClassVar = {"GET": "customers:read"}

    @extend_schema(
        operation_id="customer_segments",
        responses={200: SegmentsSerializer, 404: ProblemSerializer},
        tags=["customers"],
    )
    def get(self, request: Request, customer_id: str) -> Response:
        """Return the segments: none, as long as the shop has defined none."""
        customer_profile(parse_subject(customer_id), now=clock.now())
        return Response({"segments": []})
