"""From the fields of a request to what serving is asked."""

from collections.abc import Mapping
from typing import Any, Final, cast

from django.http import HttpRequest
from rest_framework import serializers

from access import services
from access.identity import proves_user
from access.keys import KeyRecord
from common.errors import Forbidden
from common.pseudonyms import pseudonym_or_none
from consents import gpc
from consents.region import region_of
from personalization.selectors.placements import Filters
from personalization.serving.asking import Ask, Who
from personalization.serving.page_cursor import hashes_in

SCOPE: Final = "recommendations:read"


def validated(kind: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    """Return the validated fields. Raises DRF's ValidationError."""
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    return cast(dict[str, Any], serializer.validated_data)


def who_of(request: HttpRequest, key: KeyRecord, fields: Mapping[str, Any]) -> Who:
    """Return the shopper: of a user id that a browser does not prove, nothing is read, not even whether it is known.

    With a secret key the request comes from the shop's server: its address says nothing about the shopper's region, and
    a privacy signal is the shopper's, forwarded by the shop.
    """
    user_id = fields.get("user_id") or None
    user_hash = fields.get("user_hash") or request.META.get("HTTP_X_USER_HASH")
    if user_id and not proves_user(key, user_id=user_id, user_hash=user_hash):
        user_id = None
    anonymous_id = fields.get("anonymous_id") or None
    return Who(
        user_id=pseudonym_or_none(user_id),
        anonymous_id=pseudonym_or_none(anonymous_id),
        shop_ids=(user_id, anonymous_id),
        gpc=gpc.signaled(request),
        region=region_of(request) if key.publishable else None,
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


def note_answer(request: HttpRequest, key: KeyRecord) -> None:
    """Note that a storefront asked: a server, or a page. A publishable key from elsewhere is somebody trying it."""
    if not key.publishable or "HTTP_ORIGIN" in request.META or "HTTP_REFERER" in request.META:
        services.note_answer(key.id)


def check_strategy(fields: Mapping[str, Any], key: KeyRecord) -> None:
    """Raise Forbidden where a browser names a recommender."""
    if fields.get("strategy") and key.publishable:
        raise Forbidden("A strategy may be asked for with a secret key only.")
