"""API views of recommendation: one placement, the shop's own list, a page."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.authentication import key_of
from common import attribute_filters
from common.problems import ProblemSerializer
from consents import gpc
from personalization.api import examples
from personalization.api.answers import AnswerBody, PageBody, RankBody, answer_body, rank_body
from personalization.api.fields import PageFields, RankFields, RecommendFields, slot_key
from personalization.api.quick_get import quick_get
from personalization.api.reading import SCOPE, ask_of, check_strategy, note_answer, validated, who_of
from personalization.api.rendering import FastJSONRenderer
from personalization.services.recommend import Slot, rank, recommend, recommend_page

PROBLEMS = dict.fromkeys((404, 413, 415), ProblemSerializer)
"""Problem responses of operations with a body."""
PLACEMENT = OpenApiParameter("placement", str, OpenApiParameter.PATH, description="The placement's key, as `home`.")


class ShopperView(APIView):
    """Base view of shoppers' requests: the scope, and headers that keep answers out of shared caches."""

    scope = SCOPE
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
        """Answer what to show at a placement. It always answers; `degraded` says what was missing.

        With `personalized=false` the answer has an `ETag`, and `If-None-Match` is answered 304 while it is the same.
        """
        raise NotImplementedError  # never called: `dispatch` answers each GET, and this method carries the schema

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer a GET without the framework."""
        if request.method in ("GET", "HEAD"):
            return quick_get(request, *args, **kwargs)
        return super().dispatch(request, *args, **kwargs)

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
        fields, key = validated(RecommendFields, request.data), key_of(request)
        check_strategy(fields, key)
        ask = ask_of(fields, placement=placement, who=who_of(request._request, key, fields))
        body = answer_body(recommend(ask), tells_removed=not key.publishable, fields=fields.get("fields", ()))
        note_answer(request._request, key)
        return Response(body)


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
        who = who_of(request._request, key_of(request), fields)
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
        fields, page_key = validated(PageFields, request.data), key_of(request)
        who = who_of(request._request, page_key, fields)
        by_key = {slot_key(slot): slot for slot in fields["placements"]}
        slots = {
            key: Slot(
                ask_of({**slot, "personalized": fields["personalized"]}, placement=slot["placement"], who=who),
                deadline_ms=slot.get("deadline_ms"),
            )
            for key, slot in by_key.items()
        }
        secret = not page_key.publishable
        bodies = {
            key: answer_body(one, tells_removed=secret, fields=by_key[key].get("fields", ()))
            for key, one in recommend_page(slots).items()
        }
        note_answer(request._request, page_key)
        return Response({"placements": bodies})
