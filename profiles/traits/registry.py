"""All traits: one line for each. Pure."""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, Final

from events.types.base import Interaction
from profiles.traits.activity import ActionCounts, ActiveDays
from profiles.traits.affinity import FavoriteBrands, FavoriteCategories
from profiles.traits.base import Products, Refunds, Trait, TraitField
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

TRAIT_FIELDS: Final[dict[str, TraitField]] = {one.path: one for trait in _ALL for one in trait.fields}
"""What conditions of segments can compare, by path."""
NO_REFUNDS: Final[Refunds] = MappingProxyType({})


def values(
    history: Iterable[Interaction], *, now: int, products: Products, refunds: Refunds = NO_REFUNDS
) -> dict[str, Any]:
    """Return the value of each trait that has one."""
    return values_and_changes(history, TRAITS, now=now, products=products, refunds=refunds)[0]


def values_and_changes(
    history: Iterable[Interaction], keys: Iterable[str], *, now: int, products: Products, refunds: Refunds = NO_REFUNDS
) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the value of each of these traits that has one, and when each changes next by time alone."""
    interactions = list(history)
    context: dict[str, Any] = {"now": now, "products": products, "refunds": refunds}
    trait_values: dict[str, Any] = {}
    changes: dict[str, int] = {}
    for key in keys:
        state = TRAITS[key].fold(interactions)
        if (value := TRAITS[key].value(state, **context)) is not None:
            trait_values[key] = value
        if (change := TRAITS[key].next_change(state, now=now)) is not None:
            changes[key] = change
    return trait_values, changes
