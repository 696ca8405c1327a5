"""OpenFeature's remote evaluation protocol, OFREP 0.3."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from access.authentication import key_from_request, key_of
from access.keys import KeyRecord
from common.errors import InvalidInput
from experiments.api.reading import SCOPE, asker_of, has_etag, json_answer, json_object, object_in
from experiments.api.serializers import OfrepErrorSerializer, OfrepFields, OfrepFlagSerializer, OfrepFlagsSerializer
from experiments.arms import Assignment
from experiments.design import HASH_ATTRIBUTE
from experiments.flags import flag_values, reason_of
from experiments.selectors.subjects import Asker, id_text
from experiments.selectors.wires import digest_of, encoded, features_document
from experiments.services.evaluation import evaluate

TARGETING_KEY: Final = "targetingKey"
INACTIVE_SECONDS: Final = 120
NO_KEY: Final = "The context has no targetingKey and no anonymous_id, and the flag is decided by lot."


class OfrepError(Exception):
    """A context that cannot be evaluated, as OFREP answers it with status 400."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code, self.details = code, details


class OfrepView(APIView):
    """Base of both routes: keys come in headers, errors of the context have OFREP's shape."""

    scope = SCOPE

    def _asker(self, request: Request) -> tuple[Asker, KeyRecord, Mapping[str, Any]]:
        """Return whom the context is about, the key, and the context. Raises OfrepError."""
        key = key_of(request)
        try:
            context = object_in(json_object(request._request.body), "context")
        except InvalidInput as error:
            raise OfrepError("INVALID_CONTEXT" if error.errors else "PARSE_ERROR", error.detail) from None
        targeting_key = context.get(TARGETING_KEY)
        if targeting_key is not None and not isinstance(targeting_key, str):
            raise OfrepError("INVALID_CONTEXT", "targetingKey must be a string.")
        one = targeting_key or id_text(context.get(HASH_ATTRIBUTE))
        attributes = {name: value for name, value in context.items() if name != TARGETING_KEY}
        return asker_of(request._request, key, {**attributes, HASH_ATTRIBUTE: one}), key, context


class FlagView(OfrepView):
    """One flag."""

    @extend_schema(
        operation_id="ofrep_evaluate_flag",
        request=OfrepFields,
        responses={200: OfrepFlagSerializer, **dict.fromkeys((400, 404), OfrepErrorSerializer)},
        tags=["experiments"],
    )
    def post(self, request: Request, flag: str) -> HttpResponse:
        """Evaluate one flag for one shopper."""
        try:
            asker, _, _ = self._asker(request)
            evaluation = evaluate(asker, only=flag)
            if flag not in evaluation.assignments:
                return _failure(flag, "FLAG_NOT_FOUND", f"There is no running experiment {flag}.", status=404)
            body = _evaluated(evaluation.assignments[flag])
        except OfrepError as error:
            return _failure(flag, error.code, error.details, status=400)
        return json_answer(body)


class FlagsView(OfrepView):
    """All flags."""

    @extend_schema(
        operation_id="ofrep_evaluate_flags",
        request=OfrepFields,
        parameters=[
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER),
            OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200, 304]),
        ],
        responses={200: OfrepFlagsSerializer, 304: None, 400: OfrepErrorSerializer},
        tags=["experiments"],
    )
    def post(self, request: Request) -> HttpResponse:
        """Evaluate all flags for one shopper. The entity tag holds for this context alone."""
        try:
            asker, key, context = self._asker(request)
        except OfrepError as error:
            return _failure(None, error.code, error.details, status=400)
        flags = [_flag(one) for one in evaluate(asker).assignments.values()]
        body: dict[str, Any] = {"flags": flags, "metadata": {"version": features_document().version}}
        if key.publishable:
            body["eventStreams"] = [_stream(request._request, body["metadata"]["version"])]
        etag = f'"{digest_of(encoded([body, context]))}"'
        response = json_answer(body)
        if has_etag(request._request, etag):
            response.status_code, response.content = 304, b""
        response["ETag"] = etag
        return response


def _flag(assignment: Assignment) -> dict[str, Any]:
    try:
        return _evaluated(assignment)
    except OfrepError as error:
        return _error(assignment.design.key, error.code, error.details)


def _evaluated(assignment: Assignment) -> dict[str, Any]:
    """Return a flag as OFREP answers it. Raises OfrepError where nobody is named."""
    design = assignment.design
    if assignment.why == "no_id":
        raise OfrepError("TARGETING_KEY_MISSING", NO_KEY)
    return {
        "key": design.key,
        "value": flag_values(design)[assignment.index],
        "reason": reason_of(assignment),
        "variant": assignment.arm_key,
        "metadata": {
            "experiment": design.key,
            "status": design.status,
            "epoch": design.epoch,
            "participates": assignment.participates,
        },
    }


def _stream(request: HttpRequest, version: str) -> dict[str, Any]:
    """Return where the web provider hears of changes. `since` tells the stream what the provider knows already."""
    url = request.build_absolute_uri(f"/sub/{key_from_request(request)}?since={version}")
    return {"type": "sse", "url": url, "inactivityDelaySec": INACTIVE_SECONDS}


def _failure(flag: str | None, code: str, details: str, *, status: int) -> HttpResponse:
    return json_answer(_error(flag, code, details), status=status)


def _error(flag: str | None, code: str, details: str) -> dict[str, Any]:
    key = {} if flag is None else {"key": flag}
    return {**key, "errorCode": code, "errorDetails": details}
