"""API views of recommendation: one placement, the shop's own list, a page."""

from collections.abc import Mapping
from typing import Any, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.authentication import key_of
from access.identity import proves_user
from common import attribute_filters
from common.errors import Forbidden
from common.problems import ProblemSerializer
from consents import gpc
from consents.region import region_of
from personalization.api import examples
from personalization.api.answers import AnswerBody, PageBody, RankBody, answer_body, rank_body
from personalization.api.fields import PageFields, RankFields, RecommendFields, query_fields, slot_key
from personalization.api.rendering import FastJSONRenderer
from personalization.selectors.placements import Filters
from personalization.services.recommend import Slot, rank, recommend, recommend_page
from personalization.serving.asking import Ask, Who
from personalization.serving.page_cursor import hashes_in

PROBLEMS = dict.fromkeys((404, 413, 415), ProblemSerializer)
"""Problem responses of operations with a body."""
PLACEMENT = OpenApiParameter("placement", str, OpenApiParameter.PATH, description="The placement's key, as `home`.")


class ShopperView(APIView):
    """Base view of shoppers' requests: the scope, and headers that keep answers out of shared caches."""

    scope = "recommendations:read"
    renderer_classes = [FastJSONRenderer]

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Add the headers of the storefront contract."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "private, no-store"
        gpc.vary(response)
        return response


class RecommendationsView(ShopperView):
    """One placement, answered."""

    @extend_schema(
        operation_id="recommend",
        parameters=[PLACEMENT, RecommendFields, attribute_filters.PARAMETER],
        responses={200: AnswerBody, 404: ProblemSerializer},
        examples=[examples.response_example(examples.ANSWER)],
        tags=["recommend"],
    )
    def get(self, request: Request, placement: str) -> Response:
        """Answer what to show at a placement. It always answers; `degraded` says what was missing."""
        return self._answer(request, placement, query_fields(request.query_params))

    @extend_schema(
        operation_id="recommend_long",
        parameters=[PLACEMENT],
        request=RecommendFields,
        responses={200: AnswerBody, **PROBLEMS},
        examples=[examples.request_example(examples.QUESTION), examples.response_example(examples.ANSWER)],
        tags=["recommend"],
    )
    def post(self, request: Request, placement: str) -> Response:
        """Answer the same with the fields as JSON, for long contexts."""
        return self._answer(request, placement, request.data)

    def _answer(self, request: Request, placement: str, data: Any) -> Response:
        fields = validated(RecommendFields, data)
        if fields.get("strategy") and key_of(request).publishable:
            raise Forbidden("A strategy may be asked for with a secret key only.")
        ask = ask_of(fields, placement=placement, who=who_of(request, fields))
        secret = not key_of(request).publishable
        return Response(answer_body(recommend(ask), tells_removed=secret, fields=fields.get("fields", ())))


class RankView(ShopperView):
    """The shop's own list, in personal order."""

    @extend_schema(
        operation_id="rank",
        request=RankFields,
        responses={200: RankBody, **PROBLEMS},
        examples=[examples.request_example(examples.RANK), examples.response_example(examples.RANKED)],
        tags=["recommend"],
    )
    def post(self, request: Request) -> Response:
        """Put up to 500 products into the shopper's order; ids that nobody knows stay at the end.

        A stranger's list keeps the shop's order.
        """
        fields = validated(RankFields, request.data)
        who = who_of(request, fields)
        list_answer = rank(who, product_ids=fields["product_ids"], personalized=fields["personalized"])
        return Response(rank_body(list_answer))


class PageView(ShopperView):
    """Several placements at once."""

    @extend_schema(
        operation_id="page",
        request=PageFields,
        responses={200: PageBody, **PROBLEMS},
        examples=[
            examples.request_example(examples.PAGE),
            examples.response_example({"placements": {"home": examples.ANSWER}}),
        ],
        tags=["recommend"],
    )
    def post(self, request: Request) -> Response:
        """Answer several placements: no product twice, each slot by its deadline.

        A placement that is not there, or switched off, is left out; 404 where none of them is.
        """
        fields = validated(PageFields, request.data)
        who = who_of(request, fields)
        by_key = {slot_key(slot): slot for slot in fields["placements"]}
        slots = {
            key: Slot(
                ask_of({**slot, "personalized": fields["personalized"]}, placement=slot["placement"], who=who),
                deadline_ms=slot.get("deadline_ms"),
            )
            for key, slot in by_key.items()
        }
        secret = not key_of(request).publishable
        bodies = {
            key: answer_body(one, tells_removed=secret, fields=by_key[key].get("fields", ()))
            for key, one in recommend_page(slots).items()
        }
        return Response({"placements": bodies})


def validated(kind: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    """Return the validated fields. Raises DRF's ValidationError."""
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    return cast(dict[str, Any], serializer.validated_data)


def who_of(request: Request, fields: Mapping[str, Any]) -> Who:
    """Return the shopper: of a user id that a browser does not prove, nothing is read, not even whether it is known.

    With a secret key the request comes from the shop's server: its address says nothing about the shopper's region, and
    a privacy signal is the shopper's, forwarded by the shop.
    """
    key, user_id = key_of(request), fields.get("user_id") or None
    user_hash = fields.get("user_hash") or request.META.get("HTTP_X_USER_HASH")
    return Who(
        user_id=user_id if user_id and proves_user(key, user_id=user_id, user_hash=user_hash) else None,
        anonymous_id=fields.get("anonymous_id") or None,
        gpc=gpc.signaled(request),
        region=region_of(request._request) if key.publishable else None,
    )


def ask_of(fields: Mapping[str, Any], *, placement: str, who: Who) -> Ask:
    """Return the request for serving."""
    return Ask(
        placement=placement,
        who=who,
        product_ids=tuple(fields.get("product_id", ())),
        limit=fields.get("limit"),
        exclude=tuple(fields.get("exclude", ())),
        filters=Filters.of(fields),
        personalized=fields["personalized"],
        earlier_items=hashes_in(fields["cursor"]) if fields.get("cursor") else (),
        strategy=fields.get("strategy") or None,
        explain=fields["explain"],
    )
