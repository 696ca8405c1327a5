"""GrowthBook's wire: the payload that SDKs evaluate, and remote evaluation."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from common.errors import InvalidInput
from common.problems import ProblemSerializer
from experiments.api.reading import asker_of, has_etag, json_answer, json_object, key_in_address, object_in
from experiments.api.serializers import EvaluationFields, FeaturesSerializer
from experiments.arms import Assignment
from experiments.growthbook import evaluated
from experiments.selectors.wires import FeaturesDocument, features_document
from experiments.services.evaluation import Evaluation, evaluate

REFUSALS: Final = dict.fromkeys((401, 403, 429, 503), ProblemSerializer)
CACHED: Final = "public, max-age=30, stale-while-revalidate=3600"
EXPOSED: Final = "etag, x-sse-support"
_HEADERS = [
    OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200, 304], description="For `If-None-Match`."),
    OpenApiParameter("x-sse-support", str, OpenApiParameter.HEADER, response=[200], description="`enabled`."),
]


class FeaturesView(APIView):
    """The payload of GrowthBook's SDKs."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    @extend_schema(
        operation_id="experiment_features",
        parameters=_HEADERS,
        responses={200: FeaturesSerializer, 304: None, **REFUSALS},
        tags=["experiments"],
    )
    def get(self, request: Request, key: str) -> HttpResponse:
        """Return the experiments that an SDK can decide by itself, the same for all shoppers.

        Those that target traits, segments or consent are left out: remote evaluation and OFREP answer them.
        """
        key_in_address(request._request, key)
        return features_answer(request._request, features_document())


def features_answer(request: HttpRequest, document: FeaturesDocument) -> HttpResponse:
    """Return the document, or 304 where the client has it. Any page may read it, and any cache keep it."""
    fresh = has_etag(request, document.etag)
    response = HttpResponse(status=304) if fresh else HttpResponse(document.body, content_type="application/json")
    response["ETag"] = document.etag
    response["Cache-Control"] = CACHED
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Expose-Headers"] = EXPOSED
    response["x-sse-support"] = "enabled"
    return response


class EvaluationView(APIView):
    """Remote evaluation for GrowthBook's SDKs."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    @extend_schema(
        operation_id="experiment_evaluation",
        request=EvaluationFields,
        responses={200: FeaturesSerializer, **dict.fromkeys((400, 413), ProblemSerializer), **REFUSALS},
        tags=["experiments"],
    )
    def post(self, request: Request, key: str) -> HttpResponse:
        """Return the value of every flag for one shopper, forced.

        Each comes with the exposure that the SDK reports.
        The answer has no `x-sse-support`: the stream carries the payload for all, which would replace this one.
        """
        record = key_in_address(request._request, key)
        body = json_object(request._request.body)
        forced = object_in(body, "forcedVariations")
        evaluation = evaluate(asker_of(request._request, record, object_in(body, "attributes")))
        features = {name: _feature(evaluation, one, forced) for name, one in evaluation.assignments.items()}
        document = features_document()
        return json_answer({"status": 200, "features": features, "dateUpdated": document.date_updated})


def _feature(evaluation: Evaluation, assignment: Assignment, forced: dict[str, Any]) -> dict[str, Any]:
    design, attribute = assignment.design, evaluation.hash_attribute
    if design.key in forced:
        assignment = Assignment(design, _arm_number(design.key, forced[design.key], len(design.arms)), "test_unit")
    return evaluated(assignment, attribute=attribute, value=evaluation.subject.hash_value)


def _arm_number(key: str, number: Any, n_arms: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < n_arms:
        raise InvalidInput.of(f"forcedVariations.{key}", f"must be the number of an arm, below {n_arms}")
    return number
