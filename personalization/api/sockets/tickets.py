"""Tickets for sockets: a page, or the shop's server, gets one with its key; the socket then carries no key."""

from dataclasses import dataclass
from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access import tickets
from access.authentication import key_from_request, key_of
from access.keys import digest
from common.problems import ProblemSerializer
from personalization.api.fields import SubjectFields
from personalization.api.reading import validated, who_of
from personalization.api.views import ShopperView

PURPOSE: Final = "recommendations"


class TicketBody(serializers.Serializer[Any]):
    """A ticket."""

    ticket = serializers.CharField(help_text="`ticket` of the first message of a socket; works once.")
    expires_in = serializers.IntegerField(help_text="Seconds.")


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket says: the key it was made with, and the shopper, whose user id is proven."""

    key_digest: bytes
    user_id: str | None
    anonymous_id: str | None
    gpc: bool
    shop_ids: tuple[str | None, str | None] | None

    @classmethod
    def redeem(cls, ticket: str) -> "Ticket":
        """Return what the ticket says, and end it. Raises Unauthenticated, and redis errors."""
        content = tickets.redeem(PURPOSE, ticket)
        shop_ids = None if content["shop_ids"] is None else tuple(content["shop_ids"])
        return cls(bytes.fromhex(content["key"]), content["user_id"], content["anonymous_id"], content["gpc"], shop_ids)


class TicketsView(ShopperView):
    """Tickets for `/ws/recommendations/{placement}`."""

    @extend_schema(
        operation_id="socket_ticket",
        request=SubjectFields,
        responses={201: TicketBody, **dict.fromkeys((413, 415), ProblemSerializer)},
        tags=["recommend"],
    )
    def post(self, request: Request) -> Response:
        """Make a ticket for one socket of this shopper: it replaces key, ids and `user_hash` there.

        A server makes it for the shopper whose page it renders, so that no key travels in a socket.
        """
        fields = validated(SubjectFields, request.data)
        who = who_of(request._request, key_of(request), fields)
        content = {
            "key": digest(key_from_request(request) or "").hex(),
            "user_id": who.user_id,
            "anonymous_id": who.anonymous_id,
            "gpc": who.gpc,
            "shop_ids": who.shop_ids,
        }
        return Response({"ticket": tickets.issue(PURPOSE, content), "expires_in": tickets.SECONDS}, status=201)
