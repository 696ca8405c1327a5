"""First steps of every collection view: check the key, read the body, read the shopper's signals from the headers."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from access.authentication import admit, key_from_request, page_origin
from access.keys import KeyRecord
from access.selectors import SENDER, label_of
from access.throttles import RequestCount, address_of
from common import clock
from common.errors import DomainError, Forbidden, TooLarge
from consents import gpc
from consents.region import region_of
from events.intake.items import Envelope
from events.intake.limits import MAX_BODY, MAX_ITEM
from events.intake.payload_limits import check_shared
from events.intake.times import parse_time
from events.intake.unpack import unpack
from events.services.collect import Sender

SCOPE = "events:write"


@dataclass(frozen=True, slots=True)
class Content:
    """The unpacked body of a request, and when it arrived (microseconds since the epoch)."""

    text: bytes
    received_at: int


def read_content(request: HttpRequest) -> Content:
    """Return the request's unpacked body. Raises TooLarge, before reading where the header states the length."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isascii() and length.isdigit() and int(length) > MAX_BODY:
        raise TooLarge(f"The body holds more than {MAX_BODY} bytes.")
    received_at = clock.epoch_us()
    return Content(unpack(request.read(MAX_BODY + 1)), received_at)


def sender_in_headers(request: HttpRequest) -> Sender | None:
    """Return the sender of the key in the headers, or None without a key there."""
    raw = key_from_request(request)
    return admit_sender(request, raw) if raw else None


def admit_sender(request: HttpRequest, raw: Any) -> Sender:
    """Return the sender of a raw key, and count the request against the key's limit.

    Raises Unauthenticated, Forbidden, Throttled, and Unavailable where keys cannot be checked.
    """
    key = admit_key(request, raw)
    count_of(request, key).run()
    return sender_of(request, key)


def admit_key(request: HttpRequest, raw: Any) -> KeyRecord:
    """Return the record of a raw key that may write events. Raises as `admit_sender`, but counts nothing."""
    text = raw if isinstance(raw, str) else None
    try:
        key = admit(text, origin=page_origin(request))
    except DomainError:
        request.META[SENDER] = label_of(text) if text else ""
        raise
    request.META[SENDER] = key.actor
    if not key.may(SCOPE):
        raise Forbidden(f"This key lacks the scope {SCOPE}.")
    return key


def sender_of(request: HttpRequest, key: KeyRecord) -> Sender:
    """Return the sender with this key, and the shopper's signals of a browser."""
    if not key.publishable:
        return Sender(key=key)
    return Sender(key=key, gpc=gpc.signaled(request), region=region_of(request))


def count_of(request: HttpRequest, key: KeyRecord) -> RequestCount:
    """Return the count of this request against the key's limit, still to be run."""
    return RequestCount.of(key, client=address_of(request))


def envelope_of(request: HttpRequest, content: Content, sender: Sender, rest: dict[str, Any]) -> Envelope:
    """Return what all items share: fields of the body, and a browser's user agent for the device type.

    Raises InvalidInput where an item could not hold the body's `context` or `integrations`.
    """
    check_shared(rest)
    shared, integrations = rest.get("context") or {}, rest.get("integrations")
    if sender.key and sender.key.publishable and (agent := request.META.get("HTTP_USER_AGENT")):
        shared = {"userAgent": agent, **shared}
    return Envelope(
        received_at=content.received_at,
        source=sender.source,
        sent_at=parse_time(rest.get("sentAt")),
        context=shared,
        integrations=integrations if isinstance(integrations, dict) else {},
        user_hash=request.META.get("HTTP_X_USER_HASH"),
        maybe_large=len(content.text) > MAX_ITEM,
        maybe_nul=b"\\u0000" in content.text,
    )
