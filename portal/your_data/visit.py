"""Who looks at their own data: a proof, kept for half an hour in a sealed cookie that no script reads."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from access.authentication import admit, page_origin
from access.identity import verify_user_hash
from access.throttles import address_of, count_request
from common import clock, sealed
from common.errors import Forbidden, InvalidInput, Throttled, Unauthenticated
from common.pseudonyms import subject_pseudonym
from consents.services.own_erasure import Proof
from consents.subjects import parse_subject

COOKIE: Final = "vitrine_own_data"
PATH: Final = "/privacy/"
SECONDS: Final = 30 * 60
PURPOSE: Final = "portal.own_data"
LONGEST_ADDRESS: Final = 500


@dataclass(frozen=True, slots=True)
class Visit:
    """A proven shopper. `back` is the shop's page that led here, "" for none.

    After an erasure `subject` is "", and `erasure` is the id of its request.
    """

    subject: str
    proof: Proof
    ends_at: float
    back: str = ""
    erasure: str = ""


def visit_of(request: HttpRequest) -> Visit | None:
    """Return the visit of the cookie, None without one, or where it is forged or over."""
    try:
        content = sealed.unseal(urlsafe_b64decode(request.COOKIES.get(COOKIE, "")), purpose=PURPOSE)
        visit = Visit(**orjson.loads(content))
    except (binascii.Error, ValueError, TypeError, sealed.Unsealable):
        return None
    return visit if visit.ends_at > clock.real_now().timestamp() else None


def remember(response: HttpResponseBase, visit: Visit) -> None:
    """Set the cookie."""
    value = urlsafe_b64encode(sealed.seal(orjson.dumps(asdict(visit)), purpose=PURPOSE)).decode()
    response.set_cookie(
        COOKIE, value, max_age=SECONDS, path=PATH, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )


def forget(response: HttpResponseBase) -> None:
    """Remove the cookie."""
    response.delete_cookie(COOKIE, path=PATH)


def new_visit(subject: str, proof: Proof, *, back: str = "", erasure: str = "") -> Visit:
    """Return a visit that begins now."""
    return Visit(subject, proof, clock.real_now().timestamp() + SECONDS, back, erasure)


def visit_from_shop(request: HttpRequest) -> Visit | None:
    """Return the visit that a form of the shop's page opens: the login by its `user_hash`, else the device by its id.

    None where nobody is proven; nothing in the answer says why. Raises Throttled.
    """
    try:
        key = admit(request.POST.get("key", ""), origin=page_origin(request))
        if not key.publishable:
            return None
        allowance = count_request(key, client=address_of(request))
        if allowance.wait:
            raise Throttled("Too many requests with this key.", retry_after=int(allowance.wait))
        back, user_id = back_of(request), request.POST.get("user_id", "")
        if not user_id:
            return new_visit(_subject("anonymous", request.POST.get("anonymous_id", "")), "device", back=back)
        if verify_user_hash(key, user_id=user_id, user_hash=request.POST.get("user_hash", "")):
            return new_visit(_subject("user", user_id), "login", back=back)
    except (Unauthenticated, Forbidden, InvalidInput):
        pass
    return None


def _subject(kind: str, id: str) -> str:
    return subject_pseudonym(parse_subject(f"{kind}:{id}"))


def back_of(request: HttpRequest) -> str:
    """Return the address of the shop's page that sent the form; of another origin, browsers tell the origin alone."""
    address, origin = request.META.get("HTTP_REFERER", ""), request.META.get("HTTP_ORIGIN", "")
    parts = urlsplit(address)
    is_web = parts.scheme in ("http", "https") and len(address) <= LONGEST_ADDRESS
    return address if is_web and f"{parts.scheme}://{parts.netloc}" == origin else ""
