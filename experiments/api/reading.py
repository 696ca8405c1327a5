"""First steps of every wire: check the key, read the body, read whom it is about."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags

from access.authentication import admit
from access.identity import proves_user
from access.keys import KeyRecord, masked
from access.throttles import RequestCount, address_of
from common import strictjson
from common.errors import Forbidden, InvalidInput
from common.pseudonyms import pseudonym_or_none, subject_pseudonym
from consents import gpc
from consents.region import region_of
from consents.subjects import MAX_ID, raw_ids
from experiments.design import FALLBACK_ATTRIBUTE, HASH_ATTRIBUTE
from experiments.selectors.subjects import Asker, id_text
from experiments.selectors.wires import encoded

SCOPE: Final = "recommendations:read"
USER_ATTRIBUTE: Final = "user_id"


def key_in_address(request: HttpRequest, raw: str, *, scope: str = SCOPE) -> KeyRecord:
    """Return the publishable key that the address names, and count the request.

    The path is masked first, because the log of refusals holds it. Raises Unauthenticated, Forbidden, also for a secret
    key and for a foreign origin, Throttled and Unavailable.
    """
    request.path = masked(request.path)
    key = publishable_key(raw, origin=request.META.get("HTTP_ORIGIN"), scope=scope)
    RequestCount.of(key, client=address_of(request)).run()
    return key


def publishable_key(raw: str, *, origin: str | None, scope: str = SCOPE) -> KeyRecord:
    """Return the publishable key. Raises Unauthenticated, Forbidden and Unavailable."""
    key = admit(raw, origin=origin)
    if not key.publishable:
        raise Forbidden("A secret key may not stand in an address: rotate it, for logs may hold it.")
    if not key.may(scope):
        raise Forbidden(f"This key lacks the scope {scope}.")
    return key


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body; an empty body is an empty object. Raises InvalidInput."""
    try:
        content = strictjson.loads_unique(body or b"{}")
    except ValueError as error:
        raise InvalidInput(f"The body is not valid JSON: {error}.") from None
    if not isinstance(content, dict):
        raise InvalidInput("The body must be a JSON object.")
    return content


def object_in(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object of this name, {} for none. Raises InvalidInput."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput.of(name, "must be an object")
    return value


def asker_of(request: HttpRequest, key: KeyRecord, attributes: Mapping[str, Any]) -> Asker:
    """Return whom attributes are about. Of a user id that a browser does not prove, nothing is read or kept.

    `id` is the user id, unless it equals `anonymous_id`. Where it stands alone it may be either. `user_id` says that it
    is the user's.
    """
    one, device = id_text(attributes.get(HASH_ATTRIBUTE)), id_text(attributes.get(FALLBACK_ATTRIBUTE))
    user = id_text(attributes.get(USER_ATTRIBUTE)) or (one if one != device else "")
    lone_id = one if not device and not attributes.get(USER_ATTRIBUTE) else ""
    user_hash = attributes.get("user_hash") or request.META.get("HTTP_X_USER_HASH")
    proof = user_hash if isinstance(user_hash, str) else None
    is_proven = bool(user) and proves_user(key, user_id=user, user_hash=proof)
    return Asker(
        attributes=attributes,
        named=tuple(map(subject_pseudonym, raw_ids(user, device or lone_id))),
        user_id=pseudonym_or_none(_knowable(user)) if is_proven else None,
        anonymous_id=pseudonym_or_none(_knowable(device or lone_id)),
        gpc=gpc.signaled(request),
        region=region_of(request) if key.publishable else None,
    )


def _knowable(text: str) -> str | None:
    """Return an id that events may carry, None for any other: nothing can be known or kept of it."""
    return text if text and len(text) <= MAX_ID and "\x00" not in text else None


def has_etag(request: HttpRequest, etag: str) -> bool:
    """Return whether the client holds this version already. A proxy that compresses may have weakened the tag."""
    tags = parse_etags(request.META.get("HTTP_IF_NONE_MATCH", ""))
    return "*" in tags or etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in tags}


def json_answer(body: Any, *, status: int = 200) -> HttpResponse:
    """Return an answer for one shopper, which no cache keeps."""
    response = HttpResponse(encoded(body), status=status, content_type="application/json")
    response["Cache-Control"] = "private, no-store"
    gpc.vary(response)
    return response
