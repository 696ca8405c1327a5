"""What simulated shoppers do with an answer: the planted effect of what is served. Pure.

The expected number of clicks on an answer is planted: `clicks`, more by `lift` if the hybrid made it for the shopper,
less by `pin_cost` if a rule pinned a product. The shopper's planted taste and the position decide which product is
clicked. So the truth of a comparison is a number that no model changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Chances = NDArray[np.float64]
PINNED: Final = "pinned"
NEXT_POSITION: Final = 0.86
"""The attention for a position, as a share of that for the one before."""
TASTE: Final = 0.5
"""The exponent of the planted weight of a product: 0 would click anything, 1 is the choice of whole visits."""
UNAPPEALING: Final = 0.25
"""The weight of a pinned product: nobody came for it."""


@dataclass(frozen=True, slots=True)
class Effects:
    """The planted numbers. `clicks` are those expected of an answer that is not lifted; shares are from 0 to 1."""

    clicks: float = 0.35
    lift: float = 0.3
    pin_cost: float = 0.25
    cart_share: float = 0.3
    """The share of clicks after which the product is put into the cart."""
    order_share: float = 0.6
    """The share of carts that are bought."""

    def expected_clicks(self, answer: Mapping[str, Any]) -> float:
        """Return the expected clicks on an answer of the recommendations API; 0 if it is empty."""
        if not answer["items"]:
            return 0.0
        lift = self.lift if is_lifted(answer) else 0.0
        cost = self.pin_cost if is_pinned(answer) else 0.0
        return self.clicks * (1 + lift) * (1 - cost)

    def click_chances(self, answer: Mapping[str, Any], liking: Mapping[str, float]) -> Chances:
        """Return the chance of each item to be clicked, which sum to `expected_clicks`.

        `liking` is the log weight of products for the shopper, by product id; others count as liked on average.
        """
        items = answer["items"]
        if not items:
            return np.zeros(0)
        values = [liking[item["product_id"]] for item in items if item["product_id"] in liking]
        mean = float(np.mean(values)) if values else 0.0
        taste = np.array([liking.get(item["product_id"], mean) for item in items])
        appeal = np.array([UNAPPEALING if item["reason"]["code"] == PINNED else 1.0 for item in items])
        weight = np.exp(TASTE * (taste - taste.max())) * appeal * NEXT_POSITION ** np.arange(len(items))
        return np.asarray(self.expected_clicks(answer) * weight / weight.sum())


def is_lifted(answer: Mapping[str, Any]) -> bool:
    """Return whether the hybrid made the answer for this shopper."""
    return bool(answer["strategy"] == "hybrid" and answer["personalized"])


def is_pinned(answer: Mapping[str, Any]) -> bool:
    """Return whether a rule pinned a product of the answer. A shopper of the rule's hold-out gets an answer without."""
    return any(item["reason"]["code"] == PINNED for item in answer["items"])
