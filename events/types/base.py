"""The canonical event that every room downstream reads, and its interactions with products. Pure.

Views translate foreign shapes (Segment, RudderStack, GA4) into `Event`; nobody downstream sees anything else.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import msgspec

Kind = Literal["track", "identify", "page", "screen", "group", "alias"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Signal = Literal[
    "view", "click", "hover", "engage", "search", "wishlist", "like", "cart", "remove", "checkout", "purchase", "rating"
]
"""What a shopper may do to a product. The position is the stored code, so new signals go to the end."""
Sender = Literal["", "browser", "trusted_browser"]
"""Who sent an event: a server, a browser, or a browser whose orders count without the server's."""
SIGNALS: Final[tuple[Signal, ...]] = get_args(Signal)
SAME_ORDER_MICROSECONDS = 3_600_000_000
"""Within this time a repeated line of an order is the same line. Later, its number may be another order's."""


def raw_id_of(user_id: str | None, anonymous_id: str | None) -> str:
    """Return the raw id: `user:U` when known, else `anonymous:A`."""
    return f"user:{user_id}" if user_id else f"anonymous:{anonymous_id}"


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event.

    `at` (event time) and `received_at` are microseconds since the epoch, UTC. At least one of `user_id` and
    `anonymous_id` is set; `previous_id` is set on alias only. `consents` are the decisions on this event. `allowed` are
    the purposes that its subject allowed when it was accepted, so that a replay decides the same.

    `claimed_user_id` is the user that a browser named without proof: such an event has no `user_id`, and belongs to the
    anonymous id alone. `sender` is "" for a server. `sealed_ids` lead from pseudonyms back to ids of the shop, sealed,
    where they may be new.
    """

    message_id: str
    kind: Kind
    name: str
    at: int
    received_at: int
    user_id: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None
    claimed_user_id: str | None = None
    properties: dict[str, Any] = msgspec.field(default_factory=dict)
    traits: dict[str, Any] = msgspec.field(default_factory=dict)
    context: dict[str, Any] = msgspec.field(default_factory=dict)
    consents: dict[str, bool] = msgspec.field(default_factory=dict)
    allowed: tuple[str, ...] = ()
    source: str = ""
    sender: Sender = ""
    has_user_hash: bool = False
    sealed_ids: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def raw_id(self) -> str:
        """The id by which the log is sharded and profiles are kept."""
        return raw_id_of(self.user_id, self.anonymous_id)

    @property
    def proves_contacts(self) -> bool:
        """Whether a link may be sent to an address in its traits: a server said it, or a login that the shop proved."""
        return not self.sender or self.has_user_hash

    def encode(self) -> bytes:
        """Return the bytes for the log (compact JSON without empty fields)."""
        return _ENCODER.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "Event":
        """Return the event that `encode` wrote."""
        return _DECODER.decode(data)


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Event)


@dataclass(frozen=True, slots=True)
class Interaction:
    """What one event says about one product.

    `at` in microseconds since the epoch; `quantity` in units; `price` of one unit in the shop's currency, or None;
    `value` is the stars of a rating, else 1.0.
    """

    message_id: str
    at: int
    signal: Signal
    product_id: str
    quantity: float = 1.0
    price: float | None = None
    value: float = 1.0
    order_id: str | None = None
    recommendation_id: str | None = None
