"""From a request to a key record, for DRF and for plain views."""

import base64
from typing import Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from access import selectors, services
from access.keys import KeyRecord
from common.errors import Forbidden, Unauthenticated

NEEDED: Final = "An API key is needed: send `Authorization: Bearer KEY`."


def key_from_request(request: HttpRequest | Request) -> str | None:
    """Return the raw key of the headers: `Authorization: Bearer`, Basic user name, or `X-API-Key`."""
    method, _, rest = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    match method.lower():
        case "bearer":
            return rest.strip() or None
        case "basic":
            return _basic_user(rest.strip())
    return request.META.get("HTTP_X_API_KEY", "").strip() or None


def admit(raw: str | None, *, origin: str | None) -> KeyRecord:
    """Return the key's record if it may be used from this origin (None: not from a page), and note its use.

    Raises Unauthenticated for no key or an unknown one, Forbidden for a secret key on a page or a foreign origin.
    """
    if not raw:
        raise Unauthenticated(NEEDED)
    key = selectors.resolve_key(raw)
    check_origin(key, origin)
    services.note_use(key.id)
    return key


def check_origin(key: KeyRecord, origin: str | None) -> None:
    """Raise Forbidden where the key may not be used from this origin."""
    if not key.admits(origin):
        if key.publishable:
            raise Forbidden(f"This key may not be used from {origin}: it lists its origins.")
        raise Forbidden("A secret key may not be used in a browser: use a publishable one there.")


def page_origin(request: HttpRequest | Request) -> str | None:
    """Return the origin of the page that asks, None without one. The demo's own API docs may try its secret key."""
    origin: str | None = request.META.get("HTTP_ORIGIN")
    return None if settings.DEMO and origin == f"{request.scheme}://{request.get_host()}" else origin


def key_of(request: Request) -> KeyRecord:
    """Return the key of an authenticated DRF request. Raises Unauthenticated."""
    if not isinstance(request.auth, KeyRecord):
        raise Unauthenticated(NEEDED)
    return request.auth


class KeyAuthentication(BaseAuthentication):
    """DRF: `request.auth` becomes the KeyRecord. Shoppers and servers have keys; staff have sessions in the admin."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, KeyRecord] | None:
        """Return an anonymous user and the key, or None if the request carries no key."""
        raw = key_from_request(request)
        if raw is None:
            return None
        return AnonymousUser(), admit(raw, origin=page_origin(request))

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return 'Bearer realm="vitrine"'


def _basic_user(encoded: str) -> str | None:
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except ValueError:  # no Base64, or no text in it
        return None
    return decoded.partition(":")[0] or None
