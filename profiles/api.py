"""REST API of customer profiles, for the shop's own server."""

from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.authentication import key_of
from audit.reads import note_read
from common import attribute_filters, clock
from common.attribute_filters import AttributesField
from common.cursor_pages import CursorBody, CursorFields, requested_page
from common.problems import ProblemSerializer
from common.pseudonyms import subject_pseudonym
from consents.subjects import parse_subject
from customers.personal import is_personal
from customers.personal_seals import opened_all
from customers.selectors import customers
from customers.shop_ids import with_ids
from profiles.customer_profile import OF_NEWEST, CustomerProfile, customer_profile


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


class CustomersFields(CursorFields):
    """Conditions on the listed customers; all that are given must hold."""

    created_since = serializers.DateTimeField(required=False, help_text="When the id was first recorded, or later.")
    attributes = AttributesField()

    def validate_attributes(self, values: dict[str, list[str]]) -> dict[str, list[str]]:
        """Refuse names and contact data, which are sealed where they are stored."""
        if sealed := sorted(name for name in values if is_personal(name) and name not in settings.SHOPPER_ATTRIBUTES):
            raise serializers.ValidationError(f"Names and contact data are sealed and no filter: {', '.join(sealed)}.")
        return values


class ListedCustomerSerializer(serializers.Serializer[Any]):
    """One user id with what was said of it; `GET /api/v1/customers/{id}` has everything."""

    user_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    attributes = serializers.DictField(child=serializers.JSONField(), help_text="Per name the value said last.")


class CustomersSerializer(CursorBody):
    """One page of customers, in the order of their ids."""

    customers = ListedCustomerSerializer(many=True)


class CustomersView(APIView):
    """The customers of the shop."""

    scope: ClassVar = {"GET": "customers:read"}

    @extend_schema(
        operation_id="customers_list",
        parameters=[CustomersFields, attribute_filters.PARAMETER],
        responses={200: CustomersSerializer},
        tags=["customers"],
    )
    def get(self, request: Request) -> Response:
        """Return a page of the user ids that were ever recorded, in their order. Visitors are not listed."""
        note_read("customer.listed", actor=key_of(request).actor, object="customer:list")
        rows, next_cursor = requested_page(CustomersFields, request.query_params, customers, key="raw_id")
        rows = list(rows)
        attributes = opened_all([row.attributes for row in rows])
        listed = [
            {"user_id": row.raw_id.removeprefix("user:"), "created_at": row.created_at, "attributes": stated}
            for row, stated in zip(rows, attributes, strict=True)
        ]
        return Response({"customers": with_ids(listed), "next_cursor": next_cursor})


class CustomerView(APIView):
    """One customer."""

    scope: ClassVar = {"GET": "customers:read"}

    @extend_schema(
        operation_id="customer_read", responses={200: CustomerSerializer, 404: ProblemSerializer}, tags=["customers"]
    )
    def get(self, request: Request, customer_id: str) -> Response:
        """Return the customer. The id is `user:ID` or `anonymous:ID`; a bare id is a user."""
        profile = _profile_for(request, customer_id)
        return Response(
            {
                "user_ids": with_ids(profile.identity.user_ids),
                "anonymous_ids": with_ids(profile.identity.anonymous_ids),
                "traits": profile.traits,
                "segments": SegmentSerializer(profile.segments, many=True).data,
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
        """Return the active segments that the customer is in now; none of one who does not allow personalization."""
        profile = _profile_for(request, customer_id)
        return Response({"segments": SegmentSerializer(profile.segments, many=True).data})


def _profile_for(request: Request, customer_id: str) -> CustomerProfile:
    """Return the profile, and record that the key read it. Raises as `customer_profile` does."""
    subject = subject_pseudonym(parse_subject(customer_id))
    profile = customer_profile(subject, now=clock.now())
    note_read("customer.read", actor=key_of(request).actor, object="customer:api", subject=subject)
    return profile
