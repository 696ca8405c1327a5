"""The price range in which the shopper looks and buys."""

from events.types.base import Interaction
from profiles.traits.base import Products, Refunds, Trait, TraitField, add


class PriceBand(Trait[dict[str, int]]):
    """State: how often each product was viewed or bought; a purchase counts three times."""

    key = "price_band"
    title = "Price range"
    fields = (
        TraitField("price_band.low", "Low end of the price range"),
        TraitField("price_band.middle", "Middle of the price range"),
        TraitField("price_band.high", "High end of the price range"),
    )

    def empty(self) -> dict[str, int]:
        """Return no counts."""
        return {}

    def update(self, state: dict[str, int], one: Interaction) -> dict[str, int]:
        """Count the product."""
        weight = {"view": 1, "cart": 2, "purchase": 3}.get(one.signal, 0)
        return add(state, {one.product_id: weight}) if weight else state

    def merge(self, state: dict[str, int], other: dict[str, int]) -> dict[str, int]:
        """Add the counts."""
        return add(dict(state), other)

    def value(
        self, state: dict[str, int], *, now: int, products: Products, refunds: Refunds
    ) -> dict[str, float] | None:
        """Return the weighted quartiles of today's prices."""
        priced = sorted(
            (price, count)
            for product_id, count in state.items()
            if (info := products.get(product_id)) and (price := info.price) is not None
        )
        if not priced:
            return None
        return {name: quantile(priced, share) for name, share in (("low", 0.25), ("middle", 0.5), ("high", 0.75))}


def quantile(priced: list[tuple[float, int]], share: float) -> float:
    """Return the lowest price that covers at least this share of the weight."""
    target, passed = share * sum(count for _, count in priced), 0
    for price, count in priced:
        passed += count
        if passed >= target:
            return price
    return priced[-1][0]
