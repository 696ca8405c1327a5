"""All traits: one line for each. Pure."""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, Final

from events.types.base import Interaction
from profiles.traits.activity import ActionCounts, ActiveDays
from profiles.traits.affinity import FavoriteBrands, FavoriteCategories
from profiles.traits.base import Products, Refunds, Trait
from profiles.traits.last_viewed import LastViewed
from profiles.traits.price_band import PriceBand
from profiles.traits.recency import RecencyDays
from profiles.traits.rfm import Rfm

_ALL: Final[tuple[Trait[Any], ...]] = (
    RecencyDays(),
    ActiveDays(),
    ActionCounts(),
    FavoriteCategories(),
    FavoriteBrands(),
    PriceBand(),
    Rfm(),
    LastViewed(),
)
TRAITS: Final[dict[str, Trait[Any]]] = {trait.key: trait for trait in _ALL}
"""Every trait by its key."""


def values(
    history: Iterable[Interaction], *, now: int, products: Products, refunds: Refunds = MappingProxyType({})
) -> dict[str, Any]:
    """Return the value of each trait that has one."""
    interactions = list(history)
    context: dict[str, Any] = {"now": now, "products": products, "refunds": refunds}
    all_values = ((key, trait.value(trait.fold(interactions), **context)) for key, trait in TRAITS.items())
    return {key: value for key, value in all_values if value is not None}
