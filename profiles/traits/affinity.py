"""Favorite categories and brands, by interactions with their products."""

from abc import abstractmethod
from typing import Any, Final

from events.types.base import Interaction, Signal
from profiles.traits.base import ProductInfo, Products, Refunds, Trait, TraitField, add

WEIGHTS: Final[dict[Signal, int]] = {
    "view": 1,
    "click": 1,
    "hover": 1,
    "engage": 1,
    "wishlist": 3,
    "like": 4,
    "cart": 3,
    "checkout": 3,
    "purchase": 5,
}
MAX_NAMES: Final = 5


class Affinity(Trait[dict[str, int]]):
    """State: a weight for each product. Categories and brands come from the catalog when the value is read."""

    def empty(self) -> dict[str, int]:
        """Return no weights."""
        return {}

    def update(self, state: dict[str, int], one: Interaction) -> dict[str, int]:
        """Add the weight of the signal; a rating counts by its distance from the middle."""
        weight = round(2 * (one.value - 3)) if one.signal == "rating" else WEIGHTS.get(one.signal, 0)
        return add(state, {one.product_id: weight}) if weight else state

    def merge(self, state: dict[str, int], other: dict[str, int]) -> dict[str, int]:
        """Add the weights."""
        return add(dict(state), other)

    def value(
        self, state: dict[str, int], *, now: int, products: Products, refunds: Refunds
    ) -> list[dict[str, Any]] | None:
        """Return the strongest names with their share of the total weight."""
        sums: dict[str, int] = {}
        for product_id, weight in state.items():
            if info := products.get(product_id):
                for name in self.names(info):
                    add(sums, {name: weight})
        liked = sorted(
            ((weight, name) for name, weight in sums.items() if weight > 0), key=lambda one: (-one[0], one[1])
        )
        total = sum(weight for weight, _ in liked)
        return [{"name": name, "share": round(weight / total, 3)} for weight, name in liked[:MAX_NAMES]] or None

    @abstractmethod
    def names(self, info: ProductInfo) -> tuple[str, ...]:
        """Return the names of a product that get its weight."""


class FavoriteCategories(Affinity):
    """By the full category path of each product."""

    key = "favorite_categories"
    title = "Favorite categories"
    fields = (TraitField("favorite_categories", "Favorite categories", "name"),)

    def names(self, info: ProductInfo) -> tuple[str, ...]:
        """Return the whole path, so that two categories of one name stay apart."""
        return (" / ".join(info.category),) if info.category else ()


class FavoriteBrands(Affinity):
    """By the brand of each product."""

    key = "favorite_brands"
    title = "Favorite brands"
    fields = (TraitField("favorite_brands", "Favorite brands", "name"),)

    def names(self, info: ProductInfo) -> tuple[str, ...]:
        """Return the brand."""
        return (info.brand,) if info.brand else ()
