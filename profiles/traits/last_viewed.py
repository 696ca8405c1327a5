"""Products that the shopper viewed last."""

from typing import Final

from events.types.base import Interaction
from profiles.traits.base import Products, Refunds, Trait, TraitField

MAX_PRODUCTS: Final = 10
Latest = dict[str, int]


class LastViewed(Trait[Latest]):
    """State: the last view of each product, for the latest ten."""

    key = "last_viewed"
    title = "Last viewed"
    fields = (TraitField("last_viewed", "Last viewed products", "name"),)

    def empty(self) -> Latest:
        """Return nothing."""
        return {}

    def update(self, state: Latest, one: Interaction) -> Latest:
        """Keep the view if it is among the latest."""
        return self.merge(state, {one.product_id: one.at}) if one.signal == "view" else state

    def merge(self, state: Latest, other: Latest) -> Latest:
        """Keep the latest of both."""
        merged = dict(state)
        for product_id, at in other.items():
            merged[product_id] = max(at, merged.get(product_id, at))
        return dict(sorted(merged.items(), key=lambda item: (-item[1], item[0]))[:MAX_PRODUCTS])

    def value(self, state: Latest, *, now: int, products: Products, refunds: Refunds) -> list[str] | None:
        """Return product ids, the latest first."""
        return [product_id for product_id, _ in sorted(state.items(), key=lambda item: (-item[1], item[0]))] or None
