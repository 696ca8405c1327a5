"""How much of what the shopper looks at and buys is reduced."""

from events.types.base import Interaction
from profiles.traits.base import Products, Refunds, Trait, TraitField, add


class DiscountAffinity(Trait[dict[str, int]]):
    """State: a weight for each product, as in the price range: a purchase counts three times."""

    key = "discount_affinity"
    title = "Discount affinity"
    fields = (TraitField("discount_affinity", "Share of reduced products (0 to 1)"),)

    def empty(self) -> dict[str, int]:
        """Return no weights."""
        return {}

    def update(self, state: dict[str, int], one: Interaction) -> dict[str, int]:
        """Add the weight of the signal."""
        weight = {"view": 1, "cart": 2, "purchase": 3}.get(one.signal, 0)
        return add(state, {one.product_id: weight}) if weight else state

    def merge(self, state: dict[str, int], other: dict[str, int]) -> dict[str, int]:
        """Add the weights."""
        return add(dict(state), other)

    def value(self, state: dict[str, int], *, now: int, products: Products, refunds: Refunds) -> float | None:
        """Return the weighted share of products whose price is below their compare-at price now.

        None where the catalog knows no price of any of them.
        """
        priced = [
            (weight, info)
            for product_id, weight in state.items()
            if (info := products.get(product_id)) and info.price is not None
        ]
        total = sum(weight for weight, _ in priced)
        return round(sum(weight for weight, info in priced if info.is_reduced) / total, 3) if total else None
