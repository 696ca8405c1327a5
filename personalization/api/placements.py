"""The list of placements, for the shop's own server."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.cursor_pages import CursorBody, CursorFields, page_fields, page_of
from personalization.models import Placement

FIELDS = ("key", "name", "about", "strategy", "size", "filters", "discovery_share", "sold_out", "repeat", "active")


class PlacementsFields(CursorFields):
    """Conditions on the listed placements; all that are given must hold."""

    about = serializers.ChoiceField(Placement.About.choices, required=False)
    active = serializers.BooleanField(required=False, allow_null=True, default=None)


class PlacementBody(serializers.ModelSerializer[Placement]):
    """One placement."""

    filters = serializers.DictField(child=serializers.JSONField())

    class Meta:
        model = Placement
        fields = FIELDS


class PlacementsBody(CursorBody):
    """One page of placements, in the order of their keys."""

    placements = PlacementBody(many=True)


class PlacementsView(APIView):
    """The placements of the shop."""

    scope: ClassVar = {"GET": "placements:read"}

    @extend_schema(
        operation_id="placements_list",
        parameters=[PlacementsFields],
        responses={200: PlacementsBody},
        tags=["recommend"],
    )
    def get(self, request: Request) -> Response:
        """Return a page of the placements, those switched off too, in the order of their keys."""
        fields = page_fields(PlacementsFields, request.query_params)
        conditions = {name: fields[name] for name in ("about", "active") if fields.get(name) is not None}
        rows, next_cursor = page_of(
            Placement.objects.filter(**conditions), key="key", limit=fields["limit"], cursor=fields.get("cursor")
        )
        return Response({"placements": PlacementBody(rows, many=True).data, "next_cursor": next_cursor})
