"""All known event types: one line for each type. Pure."""

import unicodedata
from dataclasses import replace
from types import MappingProxyType

from events.types.base import Event, Interaction
from events.types.cart_shared import CART_SHARED
from events.types.cart_viewed import CART_VIEWED
from events.types.checkout_started import CHECKOUT_STARTED
from events.types.checkout_step_completed import CHECKOUT_STEP_COMPLETED
from events.types.checkout_step_viewed import CHECKOUT_STEP_VIEWED
from events.types.consent_updated import CONSENT_UPDATED
from events.types.coupon_applied import COUPON_APPLIED
from events.types.coupon_denied import COUPON_DENIED
from events.types.coupon_entered import COUPON_ENTERED
from events.types.coupon_removed import COUPON_REMOVED
from events.types.event_type import EventType
from events.types.experiment_viewed import EXPERIMENT_VIEWED
from events.types.order_cancelled import ORDER_CANCELLED
from events.types.order_completed import ORDER_COMPLETED
from events.types.order_refunded import ORDER_REFUNDED
from events.types.order_updated import ORDER_UPDATED
from events.types.orders import currency_of
from events.types.page_engaged import PAGE_ENGAGED
from events.types.payment_info_entered import PAYMENT_INFO_ENTERED
from events.types.preference_given import PREFERENCE_GIVEN
from events.types.product_added import PRODUCT_ADDED
from events.types.product_added_to_wishlist import PRODUCT_ADDED_TO_WISHLIST
from events.types.product_clicked import PRODUCT_CLICKED
from events.types.product_hovered import PRODUCT_HOVERED
from events.types.product_list_filtered import PRODUCT_LIST_FILTERED
from events.types.product_list_viewed import PRODUCT_LIST_VIEWED
from events.types.product_removed import PRODUCT_REMOVED
from events.types.product_removed_from_wishlist import PRODUCT_REMOVED_FROM_WISHLIST
from events.types.product_reviewed import PRODUCT_REVIEWED
from events.types.product_shared import PRODUCT_SHARED
from events.types.product_viewed import PRODUCT_VIEWED
from events.types.products_searched import PRODUCTS_SEARCHED
from events.types.promotion_clicked import PROMOTION_CLICKED
from events.types.promotion_viewed import PROMOTION_VIEWED
from events.types.recommendation_served import RECOMMENDATION_SERVED
from events.types.segment_entered import SEGMENT_ENTERED
from events.types.segment_left import SEGMENT_LEFT
from events.types.wishlist_product_added_to_cart import WISHLIST_PRODUCT_ADDED_TO_CART

_ALL = (
    PRODUCTS_SEARCHED,
    PRODUCT_LIST_VIEWED,
    PRODUCT_LIST_FILTERED,
    PROMOTION_VIEWED,
    PROMOTION_CLICKED,
    PRODUCT_CLICKED,
    PRODUCT_VIEWED,
    PRODUCT_ADDED,
    PRODUCT_REMOVED,
    CART_VIEWED,
    CHECKOUT_STARTED,
    CHECKOUT_STEP_VIEWED,
    CHECKOUT_STEP_COMPLETED,
    PAYMENT_INFO_ENTERED,
    ORDER_COMPLETED,
    ORDER_UPDATED,
    ORDER_REFUNDED,
    ORDER_CANCELLED,
    COUPON_ENTERED,
    COUPON_APPLIED,
    COUPON_DENIED,
    COUPON_REMOVED,
    PRODUCT_ADDED_TO_WISHLIST,
    PRODUCT_REMOVED_FROM_WISHLIST,
    WISHLIST_PRODUCT_ADDED_TO_CART,
    PRODUCT_SHARED,
    CART_SHARED,
    PRODUCT_REVIEWED,
    EXPERIMENT_VIEWED,
    PAGE_ENGAGED,
    PRODUCT_HOVERED,
    PREFERENCE_GIVEN,
    RECOMMENDATION_SERVED,
    CONSENT_UPDATED,
    SEGMENT_ENTERED,
    SEGMENT_LEFT,
)
EVENT_TYPES = MappingProxyType({kind.name: kind for kind in _ALL})
"""Every known type by its canonical name."""
_BY_FOLDED = {name.casefold(): kind for name, kind in EVENT_TYPES.items()}


def event_type(name: str) -> EventType:
    """Return the type of that name, or a custom type: unknown names are kept, never refused.

    Case, blanks and invisible or wide variants of characters do not matter.
    """
    return EVENT_TYPES.get(name) or _BY_FOLDED.get(_folded(name)) or custom(name)


def _folded(name: str) -> str:
    visible = "".join(letter for letter in unicodedata.normalize("NFKC", name) if unicodedata.category(letter) != "Cf")
    return " ".join(visible.split()).casefold()


def custom(name: str) -> EventType:
    """Return the type of a shop's own event: kept for analytics, without interactions."""
    return EventType(name=name, summary="An event of the shop's own.")


def interactions(event: Event, *, currency: str) -> list[Interaction]:
    """Return the interactions of an event; live profiles and training share this reading.

    `currency` is the shop's. Prices in another currency are dropped, because no exchange rate is known, and those of an
    unconfirmed order: it tells what a shopper likes, not what the shop earned.
    """
    result = event_type(event.name).interactions(event) if event.kind == "track" else []
    stated_currency = currency_of(event.properties) if result else None
    if stated_currency not in (None, currency):
        return [replace(one, price=None) for one in result]
    if event.sender == "browser":
        return [replace(one, price=None) if one.signal == "purchase" else one for one in result]
    return result


def countable_name(event: Event) -> str:
    """Return the name under which an event counts without consent."""
    if event.name in EVENT_TYPES:
        return event.name
    return "custom" if event.kind == "track" else event.kind
