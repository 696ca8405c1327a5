"""Reasons of past answers in words. Pure.

The log keeps the code of a reason, and not the product that its sentence named.
"""

from typing import Final

REASON_WORDS: Final = {
    "because_bought": "Because of something you bought",
    "because_carted": "Because of something in your cart",
    "because_liked": "Because of something you like or rated",
    "because_viewed": "Because of something you looked at",
    "bought_together": "Often bought together with what was on the page or in the cart",
    "buy_again": "You bought this before",
    "completes_cart": "Goes well with what was in the cart",
    "exploration": "From our range, without regard to you",
    "in_segment": "Popular with shoppers like you",
    "new": "New in our shop",
    "onboarding": "A question: do you like this?",
    "pinned": "Picked by the shop's staff for everybody",
    "popular": "Popular in our shop",
    "predicted_rating": "We think you will like this",
    "similar": "Similar to what was on the page, or to something you looked at",
    "trending": "Trending now",
    "viewed_together": "Often looked at with what you looked at",
}
"""The sentence of each code."""
OF_SHOPPER: Final = frozenset(
    {
        "because_bought",
        "because_carted",
        "because_liked",
        "because_viewed",
        "buy_again",
        "completes_cart",
        "in_segment",
        "predicted_rating",
        "similar",
        "viewed_together",
    }
)
"""Codes of reasons that come from what the shopper did."""
BY_LOT: Final = "A new product that got its place by lot"


def words_of(code: str, *, by_lot: bool = False) -> str:
    """Return the reason in words; "" for a code of an older release."""
    return BY_LOT if by_lot else REASON_WORDS.get(code, "")
