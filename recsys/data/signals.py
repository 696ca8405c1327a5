"""Signals: the kinds of interaction of a shopper with a product. The position is the code: only append to the list.

The rooms that record events have lists of their own; `tests/house` checks that they are equal.
"""

SIGNAL_NAMES: tuple[str, ...] = (
    "view",
    "click",
    "hover",
    "engage",
    "search",
    "wishlist",
    "like",
    "cart",
    "remove",
    "checkout",
    "purchase",
    "rating",
)
SIGNAL_CODES = {name: code for code, name in enumerate(SIGNAL_NAMES)}
VIEW, LIKE, CART, REMOVE, PURCHASE, RATING = (
    SIGNAL_CODES[name] for name in ("view", "like", "cart", "remove", "purchase", "rating")
)

LASTING = frozenset({"purchase", "rating", "like"})
"""Signals that live profiles keep in a list of their own, so that many views do not push them out."""
SAME_ORDER_SECONDS = 3_600.0
"""A repeated line of the same order within this time is a duplicate."""
