"""The first message of a socket: who asks, with what right, for what."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from django.http import HttpRequest
from rest_framework import serializers

from access import services
from access.authentication import check_origin
from access.keys import KeyRecord, digest
from access.selectors import resolve_digest
from access.throttles import RequestCount, address_of
from common import strictjson
from common.errors import Forbidden, InvalidInput, TooLarge, Unauthenticated
from consents import gpc
from consents.region import region_of
from personalization.api.fields import RecommendFields
from personalization.api.reading import SCOPE, ask_of, check_strategy, note_answer, validated, who_of
from personalization.api.sockets.tickets import Ticket
from personalization.serving.asking import Ask, Who

MOST_BYTES: Final = 64 * 1024
NAMES_SHOPPER: Final = ("user_id", "anonymous_id", "user_hash")


class CredentialFields(serializers.Serializer[Any]):
    """The right to ask: a key, or a ticket in its place."""

    key = serializers.CharField(required=False, max_length=200)
    ticket = serializers.CharField(required=False, max_length=200)
    gpc = serializers.BooleanField(required=False, default=False)


@dataclass(frozen=True, slots=True)
class Right:
    """A key that is looked up again for as long as the socket is open, by its hash.

    A ticket that a server made may be used on any page.
    """

    key_digest: bytes
    origin: str | None
    by_ticket: bool

    def check(self) -> KeyRecord:
        """Return the key's record. Raises Unauthenticated and Forbidden."""
        key = resolve_digest(self.key_digest)
        if not (self.by_ticket and not key.publishable):
            check_origin(key, self.origin)
        if not key.may(SCOPE):
            raise Forbidden(f"This key lacks the scope {SCOPE}.")
        return key


@dataclass(frozen=True, slots=True)
class Opening:
    """What a socket asks. `tells_removed`: a server asks, which may see what rules removed."""

    ask: Ask
    right: Right
    fields: tuple[str, ...]
    tells_removed: bool
    count: RequestCount


def read_opening(request: HttpRequest, placement: str, message: str | bytes) -> Opening:
    """Return what the first message asks.

    Raises DRF's ValidationError, InvalidInput, TooLarge, Unauthenticated, Forbidden; redis errors for a ticket.
    """
    content = _json_object(message)
    credentials = validated(CredentialFields, content)
    ticket = Ticket.redeem(credentials["ticket"]) if "ticket" in credentials else None
    right = _right(request, credentials, ticket)
    key = right.check()
    services.note_use(key.id)
    count = RequestCount.of(key, client=address_of(request))
    try:
        fields = validated(RecommendFields, content)
        if ticket is not None:
            _refuse_shopper(content)
        check_strategy(fields, key)
    except (serializers.ValidationError, InvalidInput, Forbidden):
        count.run()  # a wrong request counts too
        raise
    note_answer(request, key)
    who = who_of(request, key, fields) if ticket is None else _who_of(request, ticket)
    who = replace(who, gpc=who.gpc or credentials["gpc"])
    return Opening(
        ask=ask_of(fields, placement=placement, who=who),
        right=right,
        fields=tuple(fields.get("fields", ())),
        tells_removed=ticket is None and not key.publishable,
        count=count,
    )


def request_of(scope: Mapping[str, Any]) -> HttpRequest:
    """Return a request with the headers and the address of a socket's handshake."""
    request, meta = HttpRequest(), dict[str, str]()
    for raw_name, raw_value in scope.get("headers", ()):
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if "_" in name:  # would pass for the header with hyphens, which the proxy sets
            continue
        variable = "HTTP_" + name.upper().replace("-", "_")
        meta[variable] = f"{meta[variable]},{value}" if variable in meta else value
    request.META = {"REMOTE_ADDR": (scope.get("client") or ("",))[0], **meta}
    return request


def _json_object(message: str | bytes) -> dict[str, Any]:
    if len(message) > MOST_BYTES:
        raise TooLarge(f"The first message may have {MOST_BYTES} bytes.")
    try:
        content = strictjson.loads_unique(message)
    except ValueError as error:
        raise InvalidInput(f"The first message is no valid JSON: {error}.") from None
    if not isinstance(content, dict):
        raise InvalidInput("The first message must be a JSON object.")
    return content


def _right(request: HttpRequest, credentials: Mapping[str, Any], ticket: Ticket | None) -> Right:
    origin = request.META.get("HTTP_ORIGIN")
    if ticket is not None:
        return Right(ticket.key_digest, origin, by_ticket=True)
    if "key" not in credentials:
        raise Unauthenticated("Send `key` or `ticket` in the first message.")
    return Right(digest(credentials["key"]), origin, by_ticket=False)


def _refuse_shopper(content: Mapping[str, Any]) -> None:
    for name in NAMES_SHOPPER:
        if content.get(name):
            raise InvalidInput.of(name, "the ticket names the shopper")


def _who_of(request: HttpRequest, ticket: Ticket) -> Who:
    return Who(
        user_id=ticket.user_id,
        anonymous_id=ticket.anonymous_id,
        gpc=ticket.gpc or gpc.signaled(request),
        region=region_of(request),
        shop_ids=ticket.shop_ids,
    )
