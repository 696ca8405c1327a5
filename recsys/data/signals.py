"""Signals: what kind of thing a shopper did to a product. The position is the code, so the list is append-only.

The rooms that record events own lists of their own; `tests/house` proves them equal.
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
LIKE, CART, REMOVE, PURCHASE, RATING = (SIGNAL_CODES[name] for name in ("like", "cart", "remove", "purchase", "rating"))

LASTING = frozenset({"purchase", "rating", "like"})
"""Signals that live profiles keep apart from browsing, so that a long evening of views does not push them out."""
SAME_ORDER_SECONDS = 3_600.0
"""Within this time, the same line of the same order number is one line that was sent twice."""
