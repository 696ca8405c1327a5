"""The GET of one placement as a plain view: shops call it for every page, and Django REST framework would cost as much
as a remembered answer.

Fields, errors and headers are those of the POST beside it. The same serializer checks; what it makes of a query is
remembered, all but the shopper.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import orjson
from django.http import HttpRequest, HttpResponse, QueryDict
from rest_framework.exceptions import APIException

from access.authentication import admit, key_from_request, page_origin
from access.keys import KeyRecord
from access.throttles import RequestCount, address_of
from common.errors import DomainError, Forbidden, InvalidInput, NotFound
from common.problems import respond_to
from common.queueing import waited_ms
from consents import gpc
from personalization.api.answers import answer_body, answer_digest
from personalization.api.fields import RecommendFields, query_fields
from personalization.api.reading import SCOPE, ask_of, check_strategy, note_answer, validated, who_of
from personalization.services.recommend import recommend
from personalization.serving.answers import Answer
from personalization.serving.asking import NOBODY, Ask

SHOPPER: Final = ("user_id", "anonymous_id", "user_hash")
LONGEST: Final = 128
"""Longer values of the shopper's fields go through the serializer."""
NO_STORE: Final = "private, no-store"
REVALIDATE: Final = "private, no-cache"
"""Of an answer that looks at no profile, a browser may keep a copy, and asks whether it is still the same."""


def quick_get(request: HttpRequest, placement: str) -> HttpResponse:
    """Answer what to show at a placement; errors as problem documents."""
    try:
        response = _answered(request, placement)
    except (DomainError, APIException) as error:
        response = respond_to(error)
        response["Cache-Control"] = NO_STORE
    gpc.vary(response)
    return response


def _answered(request: HttpRequest, placement: str) -> HttpResponse:
    key = admit(key_from_request(request), origin=page_origin(request))
    if not key.may(SCOPE):
        raise Forbidden(f"This key lacks the scope {SCOPE}.")
    count = RequestCount.of(key, client=address_of(request))
    try:
        return _counted(request, placement, key, count)
    except (NotFound, InvalidInput, APIException):
        if count.left is None:  # a wrong request counts too
            count.run()
        raise


def _counted(request: HttpRequest, placement: str, key: KeyRecord, count: RequestCount) -> HttpResponse:
    fields, ask = _read(request.GET, placement)
    check_strategy(fields, key)
    ask = replace(ask, who=who_of(request, key, fields))
    copy = None if ask.personalized else request.META.get("HTTP_IF_NONE_MATCH")
    answer = recommend(
        ask, count=count, waited_ms=waited_ms(request), unless=lambda answer: copy is not None and copy == _etag(answer)
    )
    note_answer(request, key)
    etag = "" if ask.personalized else _etag(answer)
    if etag and etag == copy:
        response = HttpResponse(status=304)
    else:
        body = answer_body(answer, tells_removed=not key.publishable, fields=fields.get("fields", ()))
        response = HttpResponse(orjson.dumps(body, default=str), content_type="application/json")
    response["Cache-Control"] = REVALIDATE if etag else NO_STORE
    if etag:
        response["ETag"] = etag
    if count.left is not None:
        response["RateLimit-Remaining"] = str(count.left)
    return response


def _read(query: QueryDict, placement: str) -> tuple[Mapping[str, Any], Ask]:
    """Return the validated fields, and the request to serving without its shopper. Raises DRF's ValidationError."""
    shopper = {name: str(query[name]) for name in SHOPPER if name in query}
    if not all(map(_is_plain, shopper.values())):
        fields = validated(RecommendFields, query_fields(query))
        return fields, ask_of(fields, placement=placement, who=NOBODY)
    others = tuple((name, tuple(values)) for name, values in query.lists() if name not in SHOPPER)
    shape, ask = _shape(others, placement)
    return {**shape, **shopper}, ask


@lru_cache(maxsize=4_096)
def _shape(others: tuple[tuple[str, tuple[str, ...]], ...], placement: str) -> tuple[Mapping[str, Any], Ask]:
    query = QueryDict(mutable=True)
    for name, values in others:
        query.setlist(name, list(values))
    fields = validated(RecommendFields, query_fields(query))
    return fields, ask_of(fields, placement=placement, who=NOBODY)


def _is_plain(value: str) -> bool:
    """Return whether the serializer would take the value of a shopper's field as it is."""
    return len(value) <= LONGEST and value.isascii() and value.isprintable() and value == value.strip()


def _etag(answer: Answer) -> str:
    """Return the weak validator of an answer: all but its id and its time."""
    return f'W/"{answer_digest(answer, tells_removed=False)}"'
